//! Series: pages that are read one after the other. It renders nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::documents::Document;
use crate::markdown::slug::slugify;

/// A series and its pages: by weight, then from the oldest.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) pages: Vec<usize>,
}

/// Every series, and by document its series and place.
pub(super) fn find(documents: &[Arc<Document>]) -> (Vec<Series>, Vec<Option<(usize, usize)>>) {
    let mut found = BTreeMap::new();
    for (id, document) in documents.iter().enumerate() {
        if let Some(name) = &document.front.series {
            let series = found
                .entry((document.language, slugify(name)))
                .or_insert_with(|| Series { name: name.clone(), pages: Vec::new() });
            series.pages.push(id);
        }
    }
    let mut series: Vec<Series> = found.into_values().collect();
    let mut of = vec![None; documents.len()];
    for (number, one) in series.iter_mut().enumerate() {
        let key = |id: &usize| {
            let document = &documents[*id];
            (document.front.weight, document.days.date, document.letters.as_str())
        };
        one.pages.sort_by(|a, b| key(a).cmp(&key(b)));
        for (place, id) in one.pages.iter().enumerate() {
            of[*id] = Some((number, place));
        }
    }
    (series, of)
}
