//! The table of contents of a page: headings nested by level.

use serde::Serialize;

/// A heading and those below it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Heading {
    /// 1 to 6.
    pub(crate) level: u8,
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) children: Vec<Heading>,
}

/// Nests headings that come in the order of the text; at most six deep.
pub(crate) fn nest(flat: Vec<Heading>) -> Vec<Heading> {
    let mut top: Vec<Heading> = Vec::new();
    for heading in flat {
        let mut list = &mut top;
        while list.last().is_some_and(|last| last.level < heading.level) {
            let last = list.len() - 1;
            list = &mut list[last].children;
        }
        list.push(heading);
    }
    top
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_nest_by_level_even_when_one_is_skipped() {
        let heading = |level, id: &str| Heading { level, id: id.into(), title: id.into(), children: vec![] };
        let nested = nest(vec![heading(2, "a"), heading(4, "b"), heading(3, "c"), heading(2, "d")]);
        let ids: Vec<_> = nested.iter().map(|h| h.id.as_str()).collect();
        let below: Vec<_> = nested[0].children.iter().map(|h| h.id.as_str()).collect();
        assert_eq!((ids, below), (vec!["a", "d"], vec!["b", "c"]));
    }
}
