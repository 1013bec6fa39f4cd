use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};

use super::super::register::Scope;
use super::super::severity::{Circumstances, Data};
use super::*;
use crate::testing;

/// A report of one word each.
pub(in crate::breach) fn report(data: &[Data], scope: Scope, rehearsal: bool) -> Act {
    Act::Report(reported(data, scope, rehearsal))
}

/// As [`report`], before it is sent.
pub(in crate::breach) fn reported(data: &[Data], scope: Scope, rehearsal: bool) -> Report {
    Report {
        what: "une copie est partie".into(),
        began: None,
        known: None,
        data: data.to_vec(),
        how: Circumstances { disclosed: true, ..Circumstances::default() },
        consequences: "hameçonnage".into(),
        measures: "accès fermé".into(),
        scope,
        level: None,
        rehearsal,
        entry: None,
    }
}

/// Whom the letters went to.
async fn told(app: &App) -> Vec<String> {
    let letters = testing::letters(app).await.into_iter();
    let mut told: Vec<_> = letters.filter(|mail| mail.template == "violation").map(|mail| mail.to).collect();
    told.sort();
    told
}

#[tokio::test]
async fn p_breach_notice_one_command_tells_every_client_concerned_what_when_which_data_and_what_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let one = testing::account(&app, "one@example.com").await;
    testing::account(&app, "two@example.com").await;
    testing::post(&app, "/newsletter", &HeaderMap::new(), "email=reader%40example.org").await;
    let line = act(&app, report(&[Data::Calculations], Scope::All, false)).await.unwrap();
    assert_eq!((line["clients"].as_u64(), line["letters"].as_u64()), (Some(2), Some(2)));
    assert_eq!((line["level"].as_str(), line["done"].as_bool()), (Some("maximal"), Some(true)));
    assert_eq!(told(&app).await, ["one@example.com", "two@example.com"]);
    let letters = testing::letters(&app).await;
    let letter = letters.iter().find(|mail| mail.template == "violation").unwrap();
    for (name, value) in
        [("what", "une copie est partie"), ("consequences", "hameçonnage"), ("measures", "accès fermé")]
    {
        assert_eq!(letter.context[name], value);
    }
    assert_eq!(letter.context["data"], json!(["calculations"]));
    let known: Timestamp = line["known"].as_str().unwrap().parse().unwrap();
    let deadline: Timestamp = line["deadline"].as_str().unwrap().parse().unwrap();
    assert_eq!(deadline.duration_since(known), SignedDuration::from_hours(72));
    assert_eq!(line["cnil"]["circonstances"], "une copie est partie");
    let scope = Scope::Organisations(vec![one.organisation.clone()]);
    let line = act(&app, report(&[Data::Calculations], scope, false)).await.unwrap();
    assert_eq!(line["letters"], 1);
}

#[tokio::test]
async fn p_breach_notice_persons_are_told_where_the_risk_is_high_and_an_exercise_reaches_the_firm_alone() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    testing::account(&app, "one@example.com").await;
    testing::post(&app, "/newsletter", &HeaderMap::new(), "email=reader%40example.org").await;
    let line = act(&app, report(&[Data::Newsletter], Scope::All, false)).await.unwrap();
    assert_eq!((line["persons"].as_u64(), line["letters"].as_u64()), (Some(1), Some(0)), "the risk is low");
    let line = act(&app, report(&[Data::Newsletter, Data::Orders], Scope::All, true)).await.unwrap();
    assert_eq!((line["persons"].as_u64(), line["letters"].as_u64()), (Some(2), Some(2)));
    assert_eq!(told(&app).await, ["b@example.com", "b@example.com"], "the firm's own address");
}

#[tokio::test]
async fn p_breach_notice_whom_somebody_s_acts_concern_is_found_in_the_audit_log() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let one = testing::account(&app, "one@example.com").await;
    testing::account(&app, "two@example.com").await;
    let thief = audit::Actor::account("acc_thief");
    let read = Event::new(&app, "staff page read", "dossier").concerning(&one.organisation);
    audit::record(&app, &Event { actor: thief.clone(), ..read }).await.unwrap();
    let name = serde_json::to_value(&thief).unwrap().as_str().unwrap().to_owned();
    let asked = Report {
        began: Some(app.clock.now() - SignedDuration::from_hours(1)),
        ..reported(&[Data::Calculations], Scope::TouchedBy(name), false)
    };
    let line = act(&app, Act::Report(asked)).await.unwrap();
    assert_eq!(line["clients"], 1);
    assert_eq!(told(&app).await, ["one@example.com"]);
}

#[tokio::test]
async fn what_tells_nothing_is_refused_and_the_authority_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    assert!(matches!(act(&app, report(&[], Scope::All, false)).await, Err(BreachError::Empty)));
    let line = act(&app, report(&[Data::Orders], Scope::All, false)).await.unwrap();
    let id = line["id"].as_str().unwrap().to_owned();
    let filed = Act::Filed { id, reference: "2026-1".into() };
    let line = act(&app, filed.clone()).await.unwrap();
    assert_eq!(line["filed"]["reference"], "2026-1");
    assert!(matches!(act(&app, filed).await, Err(BreachError::Filed(_))));
    assert!(matches!(act(&app, Act::Resume { id: "vio_x".into() }).await, Err(BreachError::None(_))));
    assert_eq!(act(&app, Act::List).await.unwrap().as_array().unwrap().len(), 1);
}
