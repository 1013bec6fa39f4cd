//! What one calculation carries from its reading to its answer: faults, warnings, tables, the watch. Not values.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::apart::LongList;
use crate::fault::{Fault, Faults};
use crate::tables::{self, Named, Table};
use crate::watch::Watch;

/// One calculation under way.
pub(crate) struct Call<'a> {
    faults: RefCell<Faults>,
    warnings: RefCell<Faults>,
    used: RefCell<BTreeMap<String, Value>>,
    own: Vec<(String, Table)>,
    explain: Cell<bool>,
    lines: Cell<Option<String>>,
    given: BTreeMap<usize, Vec<f64>>,
    takes_apart: bool,
    apart: Cell<Option<LongList>>,
    watch: &'a Watch,
}

impl<'a> Call<'a> {
    pub(crate) fn new(watch: &'a Watch) -> Self {
        Self {
            faults: RefCell::default(),
            warnings: RefCell::default(),
            used: RefCell::default(),
            own: Vec::new(),
            explain: Cell::new(false),
            lines: Cell::new(None),
            given: BTreeMap::new(),
            takes_apart: false,
            apart: Cell::new(None),
            watch,
        }
    }

    /// The faults found so far, to add to.
    pub(crate) fn faults(&self) -> RefMut<'_, Faults> {
        self.faults.borrow_mut()
    }

    /// `Some` while nothing is wrong: what is computed next may rest on the request.
    pub(crate) fn sound(&self) -> Option<()> {
        self.faults.borrow().is_empty().then_some(())
    }

    /// Notes what the client should know beside the results.
    pub(crate) fn warn(&self, pointer: &str, code: &'static str, parameters: &[(&'static str, String)]) {
        self.warnings.borrow_mut().push(pointer, code, parameters);
    }

    pub(crate) fn warnings(&self) -> Vec<Fault> {
        self.warnings.borrow().0.clone()
    }

    /// Refuses before any work what would need more than `maximum` elementary steps.
    pub(crate) fn afford(&self, pointer: &str, steps: f64, maximum: f64) -> Option<()> {
        if steps <= maximum {
            return Some(());
        }
        let parameters = [("found", format!("{steps:.0}")), ("maximum", format!("{maximum:.0}"))];
        self.faults().push(pointer, "too_large", &parameters);
        None
    }

    pub(crate) fn watch(&self) -> &'a Watch {
        self.watch
    }

    /// Whether the working was asked for.
    pub(crate) fn explain(&self) -> bool {
        self.explain.get()
    }

    pub(crate) fn set_explain(&self, explain: bool) {
        self.explain.set(explain);
    }

    /// Lines of CSV that stand for the request's lines of data.
    pub(crate) fn set_lines(&self, lines: String) {
        self.lines.set(Some(lines));
    }

    /// The lines, handed over to who reads them.
    pub(crate) fn take_lines(&self) -> Option<String> {
        self.lines.take()
    }

    /// Figures of some blocks of the lines, computed before, by the rank of the block.
    pub(crate) fn give(&mut self, figures: BTreeMap<usize, Vec<f64>>) {
        self.given = figures;
    }

    /// The figures that were given.
    pub(crate) fn given(&self) -> &BTreeMap<usize, Vec<f64>> {
        &self.given
    }

    /// Whether a long list may be told apart from the outcome.
    pub(crate) fn takes_apart(&self) -> bool {
        self.takes_apart
    }

    pub(crate) fn take_apart(&mut self, takes: bool) {
        self.takes_apart = takes;
    }

    /// A list that is told apart from the outcome.
    pub(crate) fn set_apart(&self, list: LongList) {
        self.apart.set(Some(list));
    }

    pub(crate) fn into_apart(self) -> Option<LongList> {
        self.apart.into_inner()
    }

    /// Adds the tables of the request itself.
    pub(crate) fn own_tables(&mut self, own: Vec<(String, Table)>) {
        self.own = own;
    }

    /// A table by name: the request's own first, then the embedded ones; what was used is told with the outcome.
    pub(crate) fn table(&self, name: &str) -> Option<&Table> {
        let plain = tables::plain(name);
        if let Some((name, table)) = self.own.iter().find(|(known, _)| tables::plain(known) == plain) {
            let used = json!({ "name": name, "source": "request" });
            self.used.borrow_mut().insert(name.clone(), used);
            return Some(table);
        }
        let Named { name, source, sha256, table } = tables::named(name)?;
        let used = json!({ "name": name, "source": source, "sha256": sha256 });
        self.used.borrow_mut().entry((*name).to_owned()).or_insert(used);
        Some(table)
    }

    /// Names of all tables, the request's own first.
    pub(crate) fn table_names(&self) -> Vec<&str> {
        self.own.iter().map(|(name, _)| name.as_str()).chain(tables::NAMES.iter().copied()).collect()
    }

    pub(crate) fn used(&self) -> Value {
        self.used.borrow().values().cloned().collect()
    }

    pub(crate) fn into_faults(self) -> Faults {
        self.faults.into_inner()
    }
}
