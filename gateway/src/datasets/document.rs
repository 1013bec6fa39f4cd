//! What is kept of a data set: its head, its lines, and what was found in them.

use aops_dataset::{Fault, Mapped, Profile};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::accounts::random::{self, NoRandomness};
use crate::app::App;
use crate::blobs::Blob;
use crate::records::{self, Shape};
use crate::retention::Terms;

use super::draft::{DRAFTS, Draft};
use super::guard::Who;
use super::mapping::{MAPPINGS, Remembered};
use super::retained::KEPT;
use super::uploads::{FINISHED, Finished, UPLOADS, Upload};

/// The collection of heads, each in its organisation's partition.
pub(super) const DATASETS: &str = "datasets";
/// Digits of an instant, in milliseconds: until the year 2527.
const INSTANT: u64 = 0xfff_ffff_ffff;
const PREFIX: &str = "ds_";
const DRAWN: usize = 14;

/// What is kept of data sets.
pub const SHAPES: &[Shape] = &[
    Shape::sealed::<Dataset>(DATASETS),
    Shape::sealed::<Draft>(DRAFTS),
    Shape::sealed::<Upload>(UPLOADS),
    Shape::plain::<Finished>(FINISHED),
    Shape::plain::<Remembered>(MAPPINGS),
];

/// What data are for. There is one purpose, and no reader for another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// The calculations that the client asks for.
    #[default]
    Calc,
}

/// That who sent the data may have them processed (`p-client-controller`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warranty {
    /// Which text was accepted.
    pub version: String,
    /// When.
    pub at: Timestamp,
    /// By which account.
    pub by: String,
}

impl Warranty {
    /// The one that is asked for now, given by whoever sends a file.
    pub(super) fn given(app: &App, who: &Who) -> Self {
        Self { version: super::WARRANTY.into(), at: app.clock.now(), by: who.account.clone() }
    }
}

/// The head of a data set, sealed under the key of its own name as all of it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// For which module.
    pub module: String,
    /// How its owner calls it.
    pub name: String,
    /// Lines.
    pub rows: usize,
    /// The engine's columns that it has.
    pub columns: Vec<String>,
    /// When it was recorded: from then its term runs.
    pub created: Timestamp,
    /// What it is for.
    pub purpose: Purpose,
    /// The warranty that came with it.
    pub warranty: Warranty,
    /// SHA-256 of the lines: the same data have the same.
    pub digest: String,
    /// Whether identifiers were replaced.
    pub pseudonyms: bool,
    /// Its lines.
    pub lines: Blob,
    /// Its [`Details`].
    pub details: Blob,
}

impl records::Document for Dataset {}

impl Dataset {
    /// When it must be gone.
    pub fn ends(&self, terms: &Terms) -> Timestamp {
        terms.end(&KEPT, self.created)
    }
}

/// What was found in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Details {
    pub(super) mapped: Vec<Mapped>,
    pub(super) warnings: Vec<Fault>,
    pub(super) profile: Profile,
}

/// The name of a data set recorded now: nobody guesses it, and those recorded later stand first.
pub(super) fn draw(app: &App) -> Result<String, NoRandomness> {
    draw_as(app, PREFIX)
}

/// A name that begins so.
pub(super) fn draw_as(app: &App, prefix: &str) -> Result<String, NoRandomness> {
    let now = u64::try_from(app.clock.now().as_millisecond()).unwrap_or_default();
    Ok(format!("{prefix}{:011x}{}", INSTANT - now.min(INSTANT), random::base62(DRAWN)?))
}

/// Whether a name has the form of one of ours: what has another is nowhere.
pub(super) fn well_formed(id: &str) -> bool {
    well_formed_as(id, PREFIX)
}

/// Whether it has the form of those that begin so.
pub(super) fn well_formed_as(id: &str, prefix: &str) -> bool {
    id.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == 11 + DRAWN && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// The name of its lines.
pub(super) fn lines_of(id: &str) -> String {
    format!("{id}/lines")
}

/// The name of what was found in them.
pub(super) fn details_of(id: &str) -> String {
    format!("{id}/details")
}
