//! Who is concerned: found from what is kept, and from the audit log where somebody's acts are the breach.

use std::collections::{BTreeMap, BTreeSet};

use aops_manifest::Language;
use jiff::tz::TimeZone;

use super::desk::BreachError;
use super::register::{Audience, Facts, Scope};
use super::severity::Data;
use crate::accounts::{self, Role};
use crate::app::App;
use crate::audit;
use crate::contact;
use crate::email::Email;
use crate::newsletter;
use crate::records::RecordError;

/// People by their addresses, with the language in which they are written to.
pub(super) type People = BTreeMap<String, Language>;

/// Those of an audience, in the order of addresses.
pub(super) async fn people(app: &App, facts: &Facts, audience: Audience) -> Result<People, RecordError> {
    let organisations = organisations(app, facts).await?;
    let within = |organisation: &str| organisations.as_ref().is_none_or(|those| those.contains(organisation));
    let concerns = |kinds: &[Data]| facts.data.iter().any(|data| kinds.contains(data));
    let mut people = People::new();
    match audience {
        Audience::Clients if concerns(&[Data::Calculations]) => {
            let owners = accounts::list(app).await?.into_iter().filter(|account| account.role == Role::Owner);
            let owners = owners.filter(|account| within(&account.organisation));
            people.extend(owners.map(|account| (account.email, account.language)));
        }
        Audience::Clients => {}
        Audience::Persons => {
            if concerns(&[Data::Accounts, Data::Credentials, Data::Orders]) {
                let holders = accounts::list(app).await?.into_iter();
                let holders = holders.filter(|account| within(&account.organisation));
                people.extend(holders.map(|account| (account.email, account.language)));
            }
            // What stands under an address alone is of no organisation.
            if organisations.is_none() && concerns(&[Data::Newsletter]) {
                let readers = newsletter::list(app).await?.into_iter();
                people.extend(readers.map(|reader| (reader.email, reader.language)));
            }
            if organisations.is_none() && concerns(&[Data::Messages]) {
                let writers = contact::list(app).await?.into_iter();
                people.extend(writers.map(|line| (line.message.email, line.message.language)));
            }
        }
    }
    Ok(people)
}

/// A scope by ids: an organisation may be named by the address of one of its people. Whoever is named and works nowhere
/// is refused: a slip of the pen would tell nobody.
pub(super) async fn resolved(app: &App, scope: Scope) -> Result<Scope, BreachError> {
    let Scope::Organisations(named) = scope else { return Ok(scope) };
    let mut ids = BTreeSet::new();
    for name in named {
        let found = match Email::parse(&name) {
            Ok(email) => accounts::find(app, &email).await?.map(|account| account.organisation),
            Err(_) if !is_id(&name) => None,
            Err(_) => (!accounts::people_of(app, &name).await?.is_empty()).then(|| name.clone()),
        };
        ids.insert(found.ok_or(BreachError::NoOrganisation(name))?);
    }
    Ok(Scope::Organisations(ids.into_iter().collect()))
}

fn is_id(name: &str) -> bool {
    let drawn = name.strip_prefix("org_").unwrap_or_default();
    !drawn.is_empty() && drawn.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The organisations that it is about; all where there is no bound.
async fn organisations(app: &App, facts: &Facts) -> Result<Option<BTreeSet<String>>, RecordError> {
    match &facts.scope {
        Scope::All => Ok(None),
        Scope::Organisations(those) => Ok(Some(those.iter().cloned().collect())),
        Scope::TouchedBy(actor) => {
            let day = facts.began.to_zoned_datetime(TimeZone::UTC).date();
            let lines = audit::list(app, Some(day), None).await?.into_iter().filter(|line| {
                let by = serde_json::to_value(&line.event.actor).is_ok_and(|by| by == actor.as_str());
                by && line.event.at >= facts.began
            });
            Ok(Some(lines.filter_map(|line| line.event.organisation).collect()))
        }
    }
}
