//! A file that is sent: read and checked in its turn, on a thread where it hinders no other request, then recorded if
//! nothing is wrong with it. Not how it comes or is answered.

use aops_dataset::{Bounds, Checked, Fault, Faults, Mapping, Wanted};
use bytes::Bytes;
use jiff::tz::TimeZone;

use super::document::Warranty;
use super::guard::Who;
use super::keep::{self, KeepError, Named, New};
use crate::app::App;
use crate::web::WebError;

/// The longest name, in characters.
const NAME: usize = 100;
/// So much of a keyed hash replaces an identifier.
const PSEUDONYM: usize = 16;

/// What is asked for with a file.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) module: &'static str,
    pub(super) name: String,
    pub(super) mapping: Mapping,
    pub(super) pseudonyms: bool,
}

/// What became of a file.
#[derive(Debug)]
pub(super) enum Received {
    /// It is recorded.
    Kept(Box<Named>, Vec<Fault>),
    /// It is not, for these faults.
    Faulty(Faults),
}

/// Receives a file.
///
/// # Errors
/// [`WebError`]: no turn, too many data sets, the store.
pub(super) async fn receive(app: &App, who: &Who, asked: Asked, bytes: Bytes) -> Result<Received, WebError> {
    let new = New {
        module: asked.module,
        name: asked.name.clone(),
        pseudonyms: asked.pseudonyms,
        warranty: Warranty::given(app, who),
    };
    let checked = match checked(app, who, asked, bytes).await? {
        Ok(checked) if checked.faults.is_empty() => checked,
        Ok(checked) => return Ok(Received::Faulty(checked.faults)),
        Err(fault) => return Ok(Received::Faulty(fault.into())),
    };
    match keep::record(app, who, new, *checked).await {
        Ok((named, warnings)) => Ok(Received::Kept(Box::new(named), warnings)),
        Err(KeepError::Many) => Ok(Received::Faulty(Fault::too_many_files(super::MOST).into())),
        Err(KeepError::Record(error)) => Err(error.into()),
    }
}

/// What is in a file, checked; or why it cannot be read.
///
/// # Errors
/// [`WebError`]: no turn.
pub(super) async fn checked(
    app: &App,
    who: &Who,
    asked: Asked,
    bytes: Bytes,
) -> Result<Result<Box<Checked>, Fault>, WebError> {
    let turn = app.datasets.check().await?;
    let Some(lines) = aops_engine::lines(asked.module) else { return Err(WebError::NotFound) };
    let on = app.clock.now().to_zoned_datetime(TimeZone::UTC).date();
    // The same for the same identifier, whoever sends it when: data of two years can be compared.
    let purpose = format!("dataset identifier {}", who.organisation);
    let key = app.sealer.derive(&purpose);
    let work = move || {
        let sheet = aops_dataset::read(&bytes, &Bounds::USUAL)?;
        drop(bytes);
        let pseudonym = |id: &str| {
            let hash = crate::sealing::hex(&crate::sealing::authenticated(&key, &[id.as_bytes()]));
            hash.get(..PSEUDONYM).unwrap_or_default().to_owned()
        };
        let pseudonym: Option<&dyn Fn(&str) -> String> = asked.pseudonyms.then_some(&pseudonym);
        let wanted = Wanted { lines: &lines, mapping: &asked.mapping, on, pseudonym };
        let checked = aops_dataset::check(&sheet, wanted);
        drop(turn);
        Ok(Box::new(checked))
    };
    let checked = tokio::task::spawn_blocking(work).await;
    checked.map_err(|error| WebError::Internal(format!("a file could not be checked: {error}")))
}

/// A name without folders and what reorders text, short; `None` where nothing is left.
pub(super) fn name(given: &str) -> Option<String> {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept =
        |one: &char| !one.is_control() && !matches!(*one, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let name: String = last.chars().filter(kept).take(NAME).collect();
    let name = name.trim().trim_start_matches('.').trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_no_folder_and_reorders_nothing() {
        assert_eq!(name("paie 2025.csv").as_deref(), Some("paie 2025.csv"));
        assert_eq!(name("../../etc/passwd").as_deref(), Some("passwd"));
        assert_eq!(name("C:\\Users\\a\\paie.xlsx").as_deref(), Some("paie.xlsx"));
        assert_eq!(name("a\u{202e}b\0\n.csv").as_deref(), Some("ab.csv"));
        for empty in ["", "..", "/", "a/", " . "] {
            assert_eq!(name(empty), None, "{empty:?}");
        }
        assert_eq!(name(&"é".repeat(1000)).unwrap().chars().count(), NAME);
    }
}
