//! Who holds an account, and for whom: the fields that the privacy policy lists, and no other (`p-account-fields`).

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::accounts::{self, ACCOUNTS, Account, PAGE, Role};
use crate::app::App;
use crate::records::{self, RecordError};
use crate::store::{Address, Batch, Expect, Scan};
use crate::web::posted::Checker;

/// The collection of organisations, each in its own partition.
pub(super) const ORGANISATIONS: &str = "organisations";
/// The terms of use that are accepted today, by the date of their version.
pub(super) const CGU_VERSION: &str = "2026-11-27";
/// Nobody who works is younger, or older.
const BORN_AFTER: i16 = 1900;
const YOUNGEST: i16 = 15;

/// The person.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Last name.
    pub nom: String,
    /// First name.
    pub prenom: String,
    /// Profession.
    pub profession: String,
    /// Telephone, if it was given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub telephone: Option<String>,
    /// Birth date, if it was given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub date_naissance: Option<Date>,
}

/// The company, the branch, the federation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organisation {
    /// Company name.
    pub raison_sociale: String,
    /// Address.
    pub adresse: String,
    /// Telephone, if it was given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub telephone: Option<String>,
}

impl records::Document for Organisation {}

/// Terms that were accepted: the proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// `cgu`.
    pub terms: String,
    /// The version, by its date.
    pub version: String,
    /// When.
    pub at: Timestamp,
}

/// What a client says of themselves when they sign up.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Profile {
    /// The person.
    pub holder: Holder,
    /// For whom.
    pub organisation: Organisation,
    /// What they accepted.
    pub accepted: Vec<Accepted>,
}

/// The fields of a person.
pub(super) const PERSON: [&str; 5] = ["nom", "prenom", "profession", "telephone", "date_naissance"];

/// The fields of a profile in the form of sign-up.
pub(super) const FIELDS: [&str; 8] = [
    "nom",
    "prenom",
    "profession",
    "telephone",
    "date_naissance",
    "raison_sociale",
    "adresse",
    "telephone_entreprise",
];

/// Reads a person; what is wrong with them stays with the checker.
pub(super) fn person(checker: &mut Checker<'_>, now: Timestamp) -> Holder {
    Holder {
        nom: checker.text("nom", 1..=100),
        prenom: checker.text("prenom", 1..=100),
        profession: checker.text("profession", 1..=100),
        telephone: checker.optional_phone("telephone"),
        date_naissance: birth_date(checker, now),
    }
}

/// The terms of use of today, accepted.
pub(super) fn accepted(now: Timestamp) -> Vec<Accepted> {
    vec![Accepted { terms: "cgu".into(), version: CGU_VERSION.into(), at: now }]
}

/// Reads a profile; what is wrong with it stays with the checker.
pub(super) fn read(checker: &mut Checker<'_>, now: Timestamp) -> Profile {
    let holder = person(checker, now);
    let organisation = Organisation {
        raison_sociale: checker.text("raison_sociale", 1..=200),
        adresse: checker.text("adresse", 1..=300),
        telephone: checker.optional_phone("telephone_entreprise"),
    };
    Profile { holder, organisation, accepted: accepted(now) }
}

fn birth_date(checker: &mut Checker<'_>, now: Timestamp) -> Option<Date> {
    let typed = checker.optional_text("date_naissance", 1..=10)?;
    let date = typed.parse::<Date>().ok();
    let this_year = now.to_zoned_datetime(jiff::tz::TimeZone::UTC).year();
    let plausible = date.filter(|date| (BORN_AFTER..=this_year - YOUNGEST).contains(&date.year()));
    if plausible.is_none() {
        checker.fault("date_naissance", "date");
    }
    plausible
}

/// Puts an organisation into a batch of its partition, sealed under a key of its own: it outlives its people.
pub(super) async fn put(
    app: &App,
    batch: &mut Batch,
    organisation: &Organisation,
) -> Result<(), RecordError> {
    let id = batch.partition.clone();
    let key = records::subject_key(app, &id, &id, batch).await?;
    records::put_sealed(batch, &key, ORGANISATIONS, &id, Expect::Absent, organisation, None)
}

/// An organisation by its id; none for those of accounts that staff made.
///
/// # Errors
/// [`RecordError`].
pub async fn organisation(app: &App, id: &str) -> Result<Option<Organisation>, RecordError> {
    let found = records::read_sealed(app, &Address::new(ORGANISATIONS, id, id), id).await?;
    Ok(found.map(|(organisation, _)| organisation))
}

/// Whoever answers for the one organisation that bears a name; nobody when none does, or several do.
///
/// # Errors
/// [`RecordError`].
pub async fn owners_of_named(app: &App, name: &str) -> Result<Vec<Account>, RecordError> {
    let folded = |name: &str| name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let (name, mut bearing, mut after) = (folded(name), Vec::new(), None);
    loop {
        let scan =
            Scan { collection: ORGANISATIONS, partition: None, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        for (address, _) in page.documents {
            let found = records::sound(organisation(app, &address.key).await)?.flatten();
            bearing.extend(found.filter(|found| folded(&found.raison_sociale) == name).map(|_| address.key));
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let [sole] = bearing.as_slice() else { return Ok(Vec::new()) };
    let partition = Some(sole.clone());
    let scan = Scan { collection: ACCOUNTS, partition, prefix: String::new(), after: None, limit: PAGE };
    let mut owners = Vec::new();
    for (address, _) in app.store.scan(scan).await?.documents {
        owners.extend(records::sound(accounts::read(app, sole, &address.key).await)?.flatten());
    }
    owners.retain(|account| account.role == Role::Owner && account.verified);
    Ok(owners)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Proves p-terms.
    #[test]
    fn the_terms_that_are_accepted_are_those_of_the_page() {
        let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../content/fr/cgu.md"));
        assert!(page.contains(&format!("version = \"{CGU_VERSION}\"")));
    }
}
