//! Directives about one's data after death, carried out on proof (Loi Informatique et Libertés, art. 85): a copy for whom
//! they name, an erasure, or both. Who proved the death, by what and of which day is kept with them; the document itself is
//! looked at and not kept.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::desk::DeskError;
use super::request::{self, Found, Request, Right, State};
use super::{copy, erasure};
use crate::accounts;
use crate::app::App;
use crate::audit::{self, Event};
use crate::inventory;
use crate::working_days;

/// The longest name of whoever proved the death, in characters.
const WHO: usize = 200;

/// A document that proves a death.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// An extract of the register of deaths (Code civil, art. 78).
    DeathCertificate,
    /// A notary's attestation of who inherits (Code civil, art. 730-1).
    NotaryAct,
    /// The family record book, with the death entered.
    FamilyRecord,
    /// A judgment, of a death or of an absence.
    CourtDecision,
}

impl Proof {
    /// Its words in the audit log.
    fn name(self) -> &'static str {
        match self {
            Self::DeathCertificate => "death certificate",
            Self::NotaryAct => "notary act",
            Self::FamilyRecord => "family record",
            Self::CourtDecision => "court decision",
        }
    }
}

/// Who proved a death, and by what.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// Who brought the proof, and as what: `Me Roux, notaire à Paris`.
    pub who: String,
    /// What it is.
    pub proof: Proof,
    /// The day that it bears.
    pub dated: Date,
}

/// What was done for a dead person's directives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Deed {
    /// A copy of everything was made for whom they name.
    HandedOver,
    /// Everything was erased but what the law has us archive.
    Erased,
}

/// A deed, when, and on whose proof.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CarriedOut {
    pub(super) at: Timestamp,
    pub(super) deed: Deed,
    #[serde(flatten)]
    pub(super) on: Witness,
}

/// Makes the copy that directives ask for: everything that is kept of their author, with what their account holds. The
/// bytes of a ZIP; that it was made is recorded before they are answered.
///
/// # Errors
/// [`DeskError`].
pub(super) async fn hand_over(app: &App, id: &str, on: Witness) -> Result<Vec<u8>, DeskError> {
    let (found, on) = standing(app, id, on).await?;
    let email = found.request.email()?;
    let about = match accounts::find(app, &email).await? {
        Some(account) => inventory::about(app, &account).await?,
        None => inventory::about_address(app, &email).await?,
    };
    let bytes = copy::bytes(app, found.request.language, &about).map_err(DeskError::Copy)?;
    let change = |before: &Request| stands(before).then(|| before.clone());
    carried_out(app, &found, Deed::HandedOver, &on, change).await?;
    Ok(bytes)
}

/// Erases everything, as the directives ask; what a kill interrupts goes on at the next start.
///
/// # Errors
/// [`DeskError`].
pub(super) async fn erase(app: &App, id: &str, on: Witness) -> Result<(), DeskError> {
    let (found, on) = standing(app, id, on).await?;
    let account = accounts::find(app, &found.request.email()?).await?;
    if let Some(account) = account
        && accounts::last_owner_of_others(app, &account).await?
    {
        return Err(DeskError::LastOwner);
    }
    let account = erasure::held(app, &found.request).await?;
    let change = |before: &Request| {
        let account = account.clone();
        stands(before).then(|| Request { state: State::Erasing, account, ..before.clone() })
    };
    carried_out(app, &found, Deed::Erased, &on, change).await?;
    erasure::run(app, &found.address, "").await?;
    Ok(())
}

/// Directives that were kept and not erased, and a proof that can be one.
async fn standing(app: &App, id: &str, on: Witness) -> Result<(Found, Witness), DeskError> {
    let found = request::find(app, id).await?.ok_or_else(|| DeskError::None(id.to_owned()))?;
    if !stands(&found.request) {
        return Err(DeskError::NoDirectives(id.to_owned()));
    }
    let who = on.who.trim().to_owned();
    let one_line = !who.is_empty() && who.chars().count() <= WHO && !who.chars().any(char::is_control);
    // A death is after the directives, and nobody brings a document of tomorrow.
    let written = working_days::today(found.request.created);
    if !one_line || on.dated < written || on.dated > working_days::today(app.clock.now()) {
        return Err(DeskError::Witness);
    }
    Ok((found, Witness { who, ..on }))
}

fn stands(request: &Request) -> bool {
    request.right == Right::Directives && request.state == State::Fulfilled && !erased(request)
}

/// Whether directives had everything erased.
pub(super) fn erased(request: &Request) -> bool {
    request.carried_out.iter().any(|done| done.deed == Deed::Erased)
}

/// Notes a deed with its proof, and a line of the audit log that names nobody.
async fn carried_out(
    app: &App,
    found: &Found,
    deed: Deed,
    on: &Witness,
    change: impl Fn(&Request) -> Option<Request>,
) -> Result<(), DeskError> {
    let at = app.clock.now();
    let id = found.address.key.as_str();
    let action = match deed {
        Deed::HandedOver => "directives carried out: copy handed over",
        Deed::Erased => "directives carried out: erasure begun",
    };
    let reason = Some(format!("{} of {}", on.proof.name(), on.dated));
    let noted = Event { reason, ..Event::new(app, action, id) };
    let change = |before: &Request| {
        let mut after = change(before)?;
        after.carried_out.push(CarriedOut { at, deed, on: on.clone() });
        Some(after)
    };
    let done = request::step(app, &found.address, change, |batch, _, _| audit::note(batch, &noted));
    done.await?.map(drop).ok_or_else(|| DeskError::NoDirectives(id.to_owned()))
}

#[cfg(test)]
#[path = "directives_tests.rs"]
mod tests;
