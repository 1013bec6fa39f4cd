//! What is typed into the form that reports a breach, and how it is read: the same as `aops admin breach report` is given.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};

use crate::breach::{Circumstances, Data, Level, Report, Scope};
use crate::web::posted::{Checker, Posted};
use crate::working_days;

/// The boxes of the kinds of data.
pub(super) const DATA: [(&str, Data); 6] = [
    ("donnees_lettre", Data::Newsletter),
    ("donnees_comptes", Data::Accounts),
    ("donnees_messages", Data::Messages),
    ("donnees_secrets", Data::Credentials),
    ("donnees_commandes", Data::Orders),
    ("donnees_calculs", Data::Calculations),
];
/// The boxes of what happened, each with its word in the theme.
pub(super) const CIRCUMSTANCES: [(&str, &str); 5] = [
    ("divulgation", "disclosed"),
    ("alteration", "altered"),
    ("perte", "lost"),
    ("malveillance", "malicious"),
    ("chiffrement", "sealed"),
];
/// When it became known.
pub(super) const KNOWN: &str = "constat";
/// The name that the entry is to have.
pub(super) const ENTRY: &str = "entree";
/// What is to be done with what was typed: nothing but looking, where it is absent.
pub(super) const STEP: &str = "etape";
/// The other fields.
const OTHERS: [&str; 11] = [
    "faits",
    "debut",
    KNOWN,
    "consequences",
    "mesures",
    "portee",
    "organisations",
    "acteur",
    "gravite",
    "exercice",
    ENTRY,
];
/// The longest text that goes into the letters, in characters.
const TEXT: usize = 4_000;
/// The longest list of organisations, in characters.
const LIST: usize = 10_000;
/// The longest name of an actor of the audit log.
const ACTOR: usize = 100;
/// How far the clock of whoever types may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_mins(2);

/// A report as it was typed.
///
/// # Errors
/// By field, the code of what is wrong with it.
pub(super) fn report(posted: &Posted, now: Timestamp) -> Result<Report, BTreeMap<String, String>> {
    let boxes = DATA.iter().map(|(name, _)| *name).chain(CIRCUMSTANCES.iter().map(|(name, _)| *name));
    let known_fields: Vec<&str> = boxes.chain(OTHERS).chain([STEP]).collect();
    let mut checker = posted.check(&known_fields);
    let ticked = |name: &str| posted.fields.get(name).is_some_and(|value| value == "oui");
    let what = checker.long_text("faits", 1..=TEXT);
    let (began, known) = moments(&mut checker, posted, now);
    let data: Vec<Data> = DATA.iter().filter(|(name, _)| ticked(name)).map(|(_, data)| *data).collect();
    if data.is_empty() {
        checker.fault("donnees", "breach_data");
    }
    let how = Circumstances {
        disclosed: ticked("divulgation"),
        altered: ticked("alteration"),
        lost: ticked("perte"),
        malicious: ticked("malveillance"),
        sealed: ticked("chiffrement"),
    };
    if !(how.disclosed || how.altered || how.lost) {
        checker.fault("nature", "breach_nature");
    }
    let measures = checker.long_text("mesures", 1..=TEXT);
    let consequences = match given(posted, "consequences") {
        Some(_) => checker.long_text("consequences", 1..=TEXT),
        None => String::new(),
    };
    let scope = scope(&mut checker, posted);
    let level = level(&mut checker, posted);
    let entry = given(posted, ENTRY).map(str::to_owned);
    let rehearsal = ticked("exercice");
    checker.finish()?;
    Ok(Report { what, began, known, data, how, consequences, measures, scope, level, rehearsal, entry })
}

fn given<'a>(posted: &'a Posted, name: &str) -> Option<&'a str> {
    posted.fields.get(name).map(|typed| typed.trim()).filter(|typed| !typed.is_empty())
}

/// When it began and when it became known, by the clocks of Paris: neither is to come, and it began before.
fn moments(
    checker: &mut Checker<'_>,
    posted: &Posted,
    now: Timestamp,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let mut read = |name: &str| {
        let typed = given(posted, name)?;
        let at = typed.parse::<DateTime>().ok().and_then(working_days::at);
        match at {
            None => checker.fault(name, "moment"),
            Some(at) if at.duration_since(now) > AHEAD => checker.fault(name, "to_come"),
            Some(_) => {}
        }
        at
    };
    let (began, known) = (read("debut"), read(KNOWN));
    if let (Some(began), Some(known)) = (began, known)
        && began > known
    {
        checker.fault("debut", "after_known");
    }
    (began, known)
}

/// What is typed beside another choice is refused: overlooked, it would write to everybody.
fn scope(checker: &mut Checker<'_>, posted: &Posted) -> Scope {
    let chosen = given(posted, "portee");
    let beside = |name: &str, choice: &str| given(posted, name).is_some() && chosen != Some(choice);
    if beside("organisations", "organisations") || beside("acteur", "acteur") {
        checker.fault("portee", "breach_scope");
    }
    match chosen {
        Some("toutes") => Scope::All,
        Some("organisations") => {
            let named = checker.long_text("organisations", 1..=LIST);
            let named = named.split([',', ';', ' ', '\n', '\t']).map(str::trim);
            let named: Vec<String> = named.filter(|name| !name.is_empty()).map(str::to_owned).collect();
            if named.is_empty() {
                checker.fault("organisations", "required");
            }
            Scope::Organisations(named)
        }
        Some("acteur") => Scope::TouchedBy(checker.text("acteur", 1..=ACTOR)),
        _ => {
            checker.fault("portee", "choice");
            Scope::All
        }
    }
}

/// None where the guide is followed.
fn level(checker: &mut Checker<'_>, posted: &Posted) -> Option<Level> {
    let typed = given(posted, "gravite")?;
    let level = serde_json::from_value(serde_json::Value::from(typed)).ok();
    if level.is_none() {
        checker.fault("gravite", "choice");
    }
    level
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use aops_manifest::Language;

    use super::*;

    const NOW: &str = "2026-03-29T06:00:00Z";

    fn read(changes: &[(&str, &str)]) -> Result<Report, BTreeMap<String, String>> {
        let whole = [
            ("faits", "une copie est partie"),
            ("donnees_commandes", "oui"),
            ("divulgation", "oui"),
            ("mesures", "accès fermé"),
            ("portee", "toutes"),
        ];
        let fields =
            whole.iter().chain(changes).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut fields: BTreeMap<String, String> = fields.collect();
        fields.retain(|_, value| value != "-");
        let posted = Posted {
            fields,
            language: Language::Fr,
            wants_json: false,
            page: None,
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        report(&posted, NOW.parse().unwrap())
    }

    #[test]
    fn what_is_typed_is_what_the_command_is_given() {
        let report = read(&[]).ok().unwrap();
        assert_eq!((report.data, report.scope), (vec![Data::Orders], Scope::All));
        assert!(report.how.disclosed && !report.how.malicious && !report.rehearsal);
        assert_eq!((report.began, report.known, report.level), (None, None, None));
        let typed = [
            ("portee", "organisations"),
            ("organisations", "org_a, org_b\r\nclaire@example.org"),
            ("gravite", "limited"),
            ("exercice", "oui"),
            ("debut", "2026-03-29T01:30"),
            ("constat", "2026-03-29T03:30"),
        ];
        let report = read(&typed).ok().unwrap();
        let named = ["org_a", "org_b", "claire@example.org"].map(str::to_owned);
        assert_eq!(report.scope, Scope::Organisations(named.to_vec()));
        assert_eq!((report.level, report.rehearsal), (Some(Level::Limited), true));
        // Clocks went from two to three that night.
        assert_eq!(report.began, Some("2026-03-29T00:30:00Z".parse().unwrap()));
        assert_eq!(report.known, Some("2026-03-29T01:30:00Z".parse().unwrap()));
        let report = read(&[("portee", "acteur"), ("acteur", "uid:1000")]).ok().unwrap();
        assert_eq!(report.scope, Scope::TouchedBy("uid:1000".into()));
    }

    #[test]
    fn each_field_tells_what_is_wrong_with_it() {
        for (changes, field, code) in [
            (vec![("faits", " ")], "faits", "required"),
            (vec![("mesures", "")], "mesures", "required"),
            (vec![("donnees_commandes", "-")], "donnees", "breach_data"),
            (vec![("divulgation", "-"), ("malveillance", "oui")], "nature", "breach_nature"),
            (vec![("portee", "")], "portee", "choice"),
            (vec![("organisations", "org_a")], "portee", "breach_scope"),
            (
                vec![("portee", "acteur"), ("acteur", "x"), ("organisations", "org_a")],
                "portee",
                "breach_scope",
            ),
            (vec![("portee", "organisations")], "organisations", "required"),
            (vec![("portee", "organisations"), ("organisations", ", ;")], "organisations", "required"),
            (vec![("portee", "acteur")], "acteur", "required"),
            (vec![("gravite", "grave")], "gravite", "choice"),
            (vec![("constat", "hier")], "constat", "moment"),
            (vec![("constat", "2026-03-29T08:10")], "constat", "to_come"),
            (vec![("debut", "2026-03-29T07:00"), ("constat", "2026-03-29T06:00")], "debut", "after_known"),
            (vec![("destinataires", "x")], "destinataires", "unknown_field"),
        ] {
            let errors = read(&changes).err().unwrap();
            assert_eq!(errors, BTreeMap::from([(field.to_owned(), code.to_owned())]), "{changes:?}");
        }
        let long = "x".repeat(TEXT + 1);
        assert_eq!(read(&[("consequences", &long)]).err().unwrap()["consequences"], "too_long");
    }

    #[test]
    fn every_kind_of_data_and_every_circumstance_has_its_box() {
        assert_eq!(DATA.map(|(_, data)| data), Data::ALL);
        let how = serde_json::to_value(Circumstances::default()).unwrap();
        let mut words = CIRCUMSTANCES.map(|(_, word)| word);
        words.sort_unstable();
        let mut known: Vec<&str> = how.as_object().unwrap().keys().map(String::as_str).collect();
        known.sort_unstable();
        assert_eq!(words.to_vec(), known);
    }
}
