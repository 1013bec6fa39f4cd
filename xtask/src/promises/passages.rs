//! Where the policy makes each promise: headings and passages whose id begins with `p-`.

use std::collections::BTreeMap;

/// One passage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Passage {
    /// Its line in the source, from 1.
    pub(super) line: usize,
    /// The heading under which it stands.
    pub(super) heading: String,
    /// Whether the built page bears its id, once.
    pub(super) built: bool,
}

/// The passages of a page by their ids.
pub(super) fn read(source: &str, built: &str) -> BTreeMap<String, Passage> {
    let mut passages = BTreeMap::new();
    let mut heading = String::new();
    for (index, line) in source.lines().enumerate() {
        let id = if line.starts_with('#') {
            let (title, id) = line.split_once(" {#").unwrap_or((line, ""));
            heading = title.trim_start_matches('#').trim().to_owned();
            id.trim_end().strip_suffix('}')
        } else {
            between(line, "{% passage(id=\"", "\"")
        };
        if let Some(id) = id.filter(|id| id.starts_with("p-")) {
            let built = built.matches(&format!("id=\"{id}\"")).count() == 1;
            passages.insert(id.to_owned(), Passage { line: index + 1, heading: heading.clone(), built });
        }
    }
    passages
}

fn between<'a>(line: &'a str, before: &str, after: &str) -> Option<&'a str> {
    line.split_once(before)?.1.split_once(after).map(|(id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_and_passages_are_found_where_they_stand() {
        let source = "# T {#partie}\n\n## Vos droits {#p-rights}\n\n{% passage(id=\"p-dpo\") %}\nÉcrivez.\n{% end %}\n";
        let passages = read(source, "<h2 id=\"p-rights\">");
        let passage = |line, built| Passage { line, heading: "Vos droits".into(), built };
        assert_eq!(passages.len(), 2);
        assert_eq!(passages["p-rights"], passage(3, true));
        assert_eq!(passages["p-dpo"], passage(5, false));
    }
}
