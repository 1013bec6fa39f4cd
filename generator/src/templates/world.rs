//! What the functions of templates answer from, and a note of what they were asked.
//!
//! The note is how a changed page finds the other pages that show something of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use aops_manifest::{Language, Search};
use tera::Value;

use super::values::{SiteFacts, light};
use crate::content::Library;
use crate::i18n::Strings;
use crate::pictures::{Beside, Picture};

/// A site as templates may ask of it.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) root: PathBuf,
    pub(crate) library: Arc<Library>,
    pub(crate) facts: Arc<SiteFacts>,
    pub(crate) strings: Arc<Strings>,
    /// By name in the theme: the fingerprinted path.
    pub(crate) assets: Arc<HashMap<String, String>>,
    /// By language: where it is searched.
    pub(crate) search: BTreeMap<Language, Search>,
    pub(crate) beside: Option<Arc<Beside>>,
    /// By document: what stands in lists, before and after the Markdown is rendered.
    pub(crate) early: OnceLock<Vec<Value>>,
    pub(crate) late: OnceLock<Vec<Value>>,
}

impl World {
    /// A document as it stands in lists.
    pub(crate) fn value(&self, id: usize) -> Value {
        let values = self
            .late
            .get()
            .unwrap_or_else(|| self.early.get_or_init(|| light(&self.library, &self.facts, None)));
        values.get(id).cloned().unwrap_or_else(Value::none)
    }

    /// Whether a document stands in lists here as another does there.
    pub(crate) fn says_the_same(&self, here: usize, other: &Self, there: usize) -> bool {
        match (self.late.get(), other.late.get()) {
            (Some(own), Some(others)) => own.get(here) == others.get(there),
            _ => false,
        }
    }
}

/// The world of now: templates are parsed once, and answer from the one that was set last.
#[derive(Debug, Default)]
pub(crate) struct Shared(RwLock<Arc<World>>);

impl Shared {
    pub(crate) fn world(&self) -> Arc<World> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, world: Arc<World>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = world;
    }
}

/// What functions were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Touched {
    /// Documents, in the order of the library.
    pub(crate) documents: Vec<usize>,
    /// Whether an answer came from all of them.
    pub(crate) all: bool,
    pub(crate) pictures: Vec<Arc<Picture>>,
}

thread_local! {
    static TOUCHED: RefCell<Touched> = RefCell::default();
}

/// Notes that a document was asked for.
pub(super) fn touch(id: usize) {
    TOUCHED.with_borrow_mut(|touched| touched.documents.push(id));
}

/// Notes that a picture is shown.
pub(super) fn show(picture: &Arc<Picture>) {
    TOUCHED.with_borrow_mut(|touched| touched.pictures.push(Arc::clone(picture)));
}

/// Notes that all documents were asked for.
pub(super) fn touch_all() {
    TOUCHED.with_borrow_mut(|touched| touched.all = true);
}

/// Runs something that renders, and tells what it asked for.
pub(crate) fn noting<T>(render: impl FnOnce() -> T) -> (T, Touched) {
    let before = TOUCHED.take();
    let result = render();
    let mut touched = TOUCHED.replace(before);
    touched.documents.sort_unstable();
    touched.documents.dedup();
    (result, touched)
}
