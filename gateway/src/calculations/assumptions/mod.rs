//! What a calculation begins with: presets of the theme, the assumptions of an organisation's last calculation of a module,
//! and those that it saved under a name. They hold no line of data and nobody's name but their own; what of a request is an
//! assumption, `members` says.

mod api;
mod described;
mod keep;
mod members;
mod page;
mod presets;
mod stored;
#[cfg(test)]
mod tests;

use aops_manifest::Language;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::app::{App, SharedApp};
use crate::web::WebError;

pub(super) use self::described::{described, schemas};
pub(super) use self::keep::end_all;
pub(super) use self::keep::{Kept, Refused, remember, save, used};
pub(super) use self::members::{is_assumption, merge};
pub(super) use self::page::{NAME, SOURCE, of_form, told};
pub(super) use self::presets::Note;
pub use self::stored::{ASSUMPTIONS, SHAPES};

/// The page of all.
pub(super) const PAGE: &str = "/espace-client/hypotheses";

/// The routes of this folder.
pub(super) fn routes() -> axum::Router<SharedApp> {
    api::routes().merge(page::routes())
}

/// Where assumptions come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Origin {
    /// The theme's presets.
    Preset,
    /// The organisation's last calculation of the module.
    Last,
    /// Saved by the organisation under a name.
    Own,
}

/// Assumptions, from wherever they come.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) id: String,
    pub(super) origin: Origin,
    pub(super) module: String,
    /// What they are called; those of the last calculation have no name.
    pub(super) name: Option<String>,
    /// What they are for, or where their owner says that they come from.
    pub(super) about: Option<String>,
    pub(super) values: Map<String, Value>,
    /// Field by field, what a value is for and where it comes from.
    pub(super) notes: Vec<Note>,
    /// When they were last changed; presets never are.
    pub(super) changed: Option<Timestamp>,
}

/// The assumptions of this id, if they are a preset's or the organisation's.
///
/// # Errors
/// [`WebError`].
pub(super) async fn find(
    app: &App,
    organisation: &str,
    id: &str,
    language: Language,
) -> Result<Option<Found>, WebError> {
    if let Some(preset) = presets::all()?.iter().find(|preset| preset.id() == id) {
        return Ok(Some(preset.told(language)));
    }
    Ok(stored::read(app, organisation, id).await?.map(|(stored, _)| stored.into()))
}

/// All that a calculation of a module may begin with: presets, then the last calculation's, then the organisation's own by
/// name; those of all modules where none is named.
///
/// # Errors
/// [`WebError`].
pub(super) async fn choices(
    app: &App,
    organisation: &str,
    module: Option<&str>,
    language: Language,
) -> Result<Vec<Found>, WebError> {
    let fits = |found: &Found| module.is_none_or(|module| found.module == module);
    let mut all: Vec<Found> =
        presets::all()?.iter().map(|preset| preset.told(language)).filter(fits).collect();
    let mut theirs: Vec<Found> =
        stored::all(app, organisation).await?.into_iter().map(|(one, _)| one.into()).filter(fits).collect();
    theirs.sort_by(|one, other| {
        let of = |found: &Found| (found.origin == Origin::Own, found.name.clone(), found.module.clone());
        of(one).cmp(&of(other))
    });
    all.extend(theirs);
    Ok(all)
}
