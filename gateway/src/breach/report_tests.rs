use super::super::desk::tests::reported;
use super::super::desk::{Act, act};
use super::*;
use crate::testing;

async fn written(app: &App) -> (usize, usize) {
    let letters = testing::letters(app).await;
    (
        register::all(app).await.unwrap().len(),
        letters.iter().filter(|mail| mail.template.starts_with("violation")).count(),
    )
}

#[tokio::test]
async fn p_breach_notice_an_assessment_names_whom_it_concerns_and_writes_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    testing::account(&app, "one@example.com").await;
    testing::post(&app, "/newsletter", &http::HeaderMap::new(), "email=reader%40example.org").await;
    let report = reported(&[Data::Newsletter, Data::Calculations], Scope::All, false);
    let told = act(&app, Act::Assess(report.clone())).await.unwrap();
    assert_eq!(told["clients"], json!(["one@example.com"]));
    assert_eq!(told["persons"], json!(["reader@example.org"]));
    assert_eq!((told["letters"].as_u64(), told["level"].as_str()), (Some(2), Some("maximal")));
    assert_eq!(told["guide"]["score"], 4.5);
    assert_eq!(written(&app).await, (0, 0));
    let lower = Report { level: Some(Level::Limited), ..report };
    let told = act(&app, Act::Assess(lower)).await.unwrap();
    assert_eq!((told["letters"].as_u64(), told["guide"]["level"].as_str()), (Some(1), Some("maximal")));
    assert_eq!(told["persons_told"], false);
    audit::settle(&app).await.unwrap();
    let noted = audit::list(&app, None, None).await.unwrap();
    assert_eq!(noted.iter().filter(|line| line.event.action == "breach assessed").count(), 2);
}

#[tokio::test]
async fn p_breach_notice_a_report_that_is_sent_twice_under_the_name_of_its_assessment_is_entered_once() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    testing::account(&app, "one@example.com").await;
    let told = act(&app, Act::Assess(reported(&[Data::Orders], Scope::All, false))).await.unwrap();
    let entry = told["entry"].as_str().map(str::to_owned);
    let known = Some(app.clock.now());
    let report = Report { entry: entry.clone(), known, ..reported(&[Data::Orders], Scope::All, false) };
    let line = act(&app, Act::Report(report.clone())).await.unwrap();
    assert_eq!(line["id"].as_str(), entry.as_deref());
    let after = written(&app).await;
    assert!(matches!(act(&app, Act::Report(report.clone())).await, Err(BreachError::Entered(_))));
    let other = Report { measures: "rien".into(), ..report.clone() };
    assert!(matches!(act(&app, Act::Report(other)).await, Err(BreachError::Taken(_))));
    assert_eq!(written(&app).await, after);
    for wrong in ["vio_", "vio_../../x/y/z", "breach", ""] {
        let report = Report { entry: Some(wrong.into()), ..report.clone() };
        assert!(matches!(act(&app, Act::Report(report)).await, Err(BreachError::Name(_))), "{wrong}");
    }
}

#[tokio::test]
async fn an_organisation_is_named_by_somebody_s_address_and_one_where_nobody_works_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let one = testing::account(&app, "one@example.com").await;
    testing::account(&app, "two@example.com").await;
    let scope = |name: &str| Scope::Organisations(vec![name.to_owned()]);
    for name in ["One@example.com", one.organisation.as_str()] {
        let told = act(&app, Act::Assess(reported(&[Data::Calculations], scope(name), false))).await.unwrap();
        assert_eq!(told["clients"], json!(["one@example.com"]), "{name}");
    }
    for name in ["org_0000", "three@example.com", "*", ""] {
        let refused = act(&app, Act::Report(reported(&[Data::Orders], scope(name), false))).await;
        assert!(matches!(refused, Err(BreachError::NoOrganisation(told)) if told == name), "{name}");
    }
    assert_eq!(written(&app).await, (0, 0));
}

#[test]
fn the_guide_tells_the_numbers_that_are_counted_with() {
    let guide = super::super::severity::guide();
    for (data, counts) in Data::ALL.into_iter().zip(guide["data"].as_array().unwrap()) {
        let (score, _) = judged(&[data], Circumstances::default());
        assert_eq!(counts["counts"], score);
    }
    for row in guide["levels"].as_array().unwrap() {
        let level: Level = serde_json::from_value(row["level"].clone()).unwrap();
        assert_eq!(row["authority"], level.concerns_authority());
        assert_eq!(row["persons"], level.concerns_persons());
    }
}
