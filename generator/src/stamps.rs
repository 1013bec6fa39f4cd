//! A number for each document that changes when what it shows changes, so that a page made of many documents
//! knows whether it is still true.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::content::{Kind, Library};
use crate::markdown::Rendered;
use crate::site::Site;
use crate::templates::World;

/// By document: numbers that are never given twice.
#[derive(Debug, Default)]
pub(crate) struct Stamps {
    /// Of what stands in lists, without what is below a section.
    own: Vec<u64>,
    /// Of what stands in lists, and of what is below.
    listed: Vec<u64>,
    /// Of the text.
    text: Vec<u64>,
    last: u64,
}

impl Stamps {
    /// Each document gets a number of its own.
    pub(crate) fn new(library: &Library) -> Self {
        let last = library.documents.len() as u64;
        let own: Vec<u64> = (0..last).collect();
        Self { listed: with_children(&own, library), text: own.clone(), own, last }
    }

    /// The numbers of a newer library: those of what is the same stay.
    pub(crate) fn again(
        &self,
        before: &Site,
        library: &Library,
        rendered: &[Arc<Rendered>],
        world: &World,
    ) -> Self {
        let ids: HashMap<&str, usize> =
            before.library.documents.iter().enumerate().map(|(id, d)| (&*d.source.file, id)).collect();
        let mut stamps = Self { last: self.last, ..Self::default() };
        for (id, document) in library.documents.iter().enumerate() {
            let mut fresh = || {
                stamps.last += 1;
                stamps.last
            };
            let (mut text, mut own) = (None, None);
            if let Some(old) = ids.get(&*document.source.file).copied() {
                let (was, is) = (&before.rendered[old], &rendered[id]);
                let same_text = Arc::ptr_eq(was, is);
                let same_front = Arc::ptr_eq(&before.library.documents[old], document);
                if same_text || (was.html == is.html && was.toc == is.toc) {
                    text = Some(self.text[old]);
                }
                let is_page = document.kind != Kind::Section;
                if (same_text && same_front) || (is_page && before.world.says_the_same(old, world, id)) {
                    own = Some(self.own[old]);
                }
            }
            stamps.text.push(text.unwrap_or_else(&mut fresh));
            stamps.own.push(own.unwrap_or_else(&mut fresh));
        }
        stamps.listed = with_children(&stamps.own, library);
        stamps
    }

    /// Adds what a page that shows a document's text depends on.
    pub(crate) fn text(&self, id: usize, key: &mut impl Hasher) {
        (self.text[id], self.listed[id]).hash(key);
    }

    /// Adds what a page that lists a document depends on.
    pub(crate) fn listed(&self, id: usize, key: &mut impl Hasher) {
        self.listed[id].hash(key);
    }

    /// Adds what a page that lists every document depends on.
    pub(crate) fn all(&self, key: &mut impl Hasher) {
        self.own.hash(key);
    }
}

fn with_children(own: &[u64], library: &Library) -> Vec<u64> {
    let listed = |(id, own_stamp): (usize, &u64)| {
        if library.documents[id].kind != Kind::Section {
            return *own_stamp;
        }
        let mut key = DefaultHasher::new();
        own_stamp.hash(&mut key);
        for child in library.pages[id].iter().chain(&library.subsections[id]) {
            (child, own[*child]).hash(&mut key);
        }
        key.finish()
    };
    own.iter().enumerate().map(listed).collect()
}
