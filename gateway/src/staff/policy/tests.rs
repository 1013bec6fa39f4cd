use std::collections::BTreeMap;

use axum::body::Body;
use http::{HeaderMap, Method};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::accounts::{self, Account, NewAccount, Role};
use crate::app::{App, SharedApp};
use crate::audit::{self, Actor};
use crate::breach;
use crate::client_audit::{self, Auditor};
use crate::email::Email;
use crate::processors;
use crate::staff::{Command, StaffAct, perform};
use crate::testing;

/// Somebody of staff, trained and sworn in today.
async fn staff(app: &SharedApp, role: Role) -> Account {
    let email = format!("{}@example.com", role.name());
    let new = NewAccount {
        email: Email::parse(&email).unwrap(),
        password: String::from(testing::PASSWORD).into(),
        role,
        verified: true,
    };
    let account = accounts::create(app, new).await.unwrap();
    let today = Some(app.clock.now().to_zoned_datetime(TimeZone::UTC).date());
    let act = StaffAct::Note { email, trained: today, secrecy: today };
    perform(app, Actor::here(), Command::Staff { act }).await.unwrap();
    account
}

async fn page(app: &SharedApp, session: &HeaderMap, path: &str) -> (u16, String) {
    let answer = testing::ask(app, Method::GET, path, session, Body::empty()).await;
    (answer.status().as_u16(), testing::text(answer).await)
}

async fn post(app: &SharedApp, session: &HeaderMap, path: &str, form: &str) -> u16 {
    testing::post(app, path, session, form).await.status().as_u16()
}

/// Who did something, as the log has it.
async fn who(app: &App, action: &str) -> Vec<Actor> {
    audit::settle(app).await.unwrap();
    let all = audit::list(app, None, None).await.unwrap();
    all.into_iter().filter(|line| line.event.action == action).map(|line| line.event.actor).collect()
}

#[tokio::test]
async fn p_breach_notice_the_officer_sees_the_clock_and_notes_once_that_the_cnil_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let report = json!({
        "breach": "report", "what": "une copie est partie", "data": ["orders", "accounts"],
        "how": { "disclosed": true, "altered": false, "lost": false, "malicious": false, "sealed": false },
        "consequences": "", "measures": "accès fermé", "scope": "all", "rehearsal": false,
    });
    let line = breach::act(&app, serde_json::from_value(report).unwrap()).await.unwrap();
    let id = line["id"].as_str().unwrap();
    let dpo = staff(&app, Role::Dpo).await;
    let session = testing::signed_in(&app, &dpo).await;
    let (status, text) = page(&app, &session, "/equipe/violations").await;
    assert_eq!(status, 200);
    assert!(text.contains(&format!("{id} 71 file")), "{text}");
    let notice = format!("/equipe/violations/{id}/notification");
    assert_eq!(post(&app, &session, &notice, "reference=+").await, 422);
    assert_eq!(post(&app, &session, &notice, "reference=N1&autre=x").await, 422);
    assert_eq!(post(&app, &session, &notice, "reference=N1").await, 303);
    assert_eq!(post(&app, &session, &notice, "reference=N2").await, 422, "once");
    assert_eq!(post(&app, &session, "/equipe/violations/vio_x/notification", "reference=N1").await, 404);
    assert_eq!(post(&app, &session, &format!("/equipe/violations/{id}/reprise"), "").await, 303);
    let (_, text) = page(&app, &session, "/equipe/violations").await;
    assert!(text.contains("N1") && !text.contains("file"), "{text}");
    assert_eq!(who(&app, "breach filed with the authority").await, [Actor::account(&dpo.id)]);
}

#[tokio::test]
async fn p_audit_yearly_an_audit_is_accepted_refused_and_ended_from_the_page_by_whoever_may() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let client = testing::account(&app, "client@example.com").await;
    let other = testing::account(&app, "other@example.com").await;
    for account in [&client, &other] {
        let act = client_audit::Act::Ask {
            account: account.email.clone(),
            first: "2100-03-01".parse().unwrap(),
            days: 1,
            auditor: Auditor { name: "Inès".into(), firm: "F".into(), email: "i@example.org".into() },
            scope: "tout".into(),
            received: None,
        };
        client_audit::act(&app, act).await.unwrap();
    }
    let listed = client_audit::act(&app, client_audit::Act::List).await.unwrap();
    let ids: Vec<&str> = listed.as_array().unwrap().iter().map(|line| line["id"].as_str().unwrap()).collect();
    let reader = testing::signed_in(&app, &staff(&app, Role::Auditor).await).await;
    let (status, text) = page(&app, &reader, "/equipe/audits").await;
    assert!(status == 200 && text.contains(ids[0]), "{text}");
    let accept = format!("/equipe/audits/{}/acceptation", ids[0]);
    assert_eq!(post(&app, &reader, &accept, "").await, 403, "who reads decides nothing");
    let dpo = staff(&app, Role::Dpo).await;
    let session = testing::signed_in(&app, &dpo).await;
    assert_eq!(post(&app, &session, &accept, "").await, 303);
    assert_eq!(post(&app, &session, &accept, "").await, 422, "decided already");
    let refuse = format!("/equipe/audits/{}/refus", ids[1]);
    assert_eq!(post(&app, &session, &refuse, "motif=").await, 422);
    assert_eq!(post(&app, &session, &refuse, "motif=concurrent").await, 303);
    let end = format!("/equipe/audits/{}/fin", ids[0]);
    assert_eq!(post(&app, &session, &end, "motif=annul%C3%A9").await, 303);
    assert_eq!(post(&app, &session, "/equipe/audits/x/fin", "motif=x").await, 404);
    for (action, count) in
        [("client audit accepted", 1), ("client audit refused", 1), ("client audit ended", 1)]
    {
        assert_eq!(who(&app, action).await, vec![Actor::account(&dpo.id); count], "{action}");
    }
}

#[tokio::test]
async fn p_subprocessors_the_page_tells_what_was_announced_and_staff_without_the_role_see_none_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let dpo = testing::signed_in(&app, &staff(&app, Role::Dpo).await).await;
    let (status, text) = page(&app, &dpo, "/equipe/prestataires").await;
    assert_eq!(status, 200);
    assert!(text.contains("unannounced +DigitalOcean"), "nothing was announced yet: {text}");
    let support = testing::signed_in(&app, &staff(&app, Role::Support).await).await;
    let client = testing::signed_in(&app, &testing::account(&app, "c@example.com").await).await;
    for path in
        ["/equipe/prestataires", "/equipe/audits", "/equipe/violations", "/equipe/violations/declaration"]
    {
        assert_eq!(page(&app, &support, path).await.0, 403, "{path}");
        assert_eq!(page(&app, &client, path).await.0, 404, "{path}");
        assert_eq!(page(&app, &HeaderMap::new(), path).await.0, 303, "{path}");
    }
}

const DECLARATION: &str = "/equipe/violations/declaration";
const TYPED: &str = "faits=une+copie+est+partie&donnees_commandes=oui&divulgation=oui&mesures=acc%C3%A8s+ferm%C3%A9&portee=toutes";

/// What the page of review would send again.
async fn reviewed(app: &SharedApp, session: &HeaderMap, form: &str) -> (u16, BTreeMap<String, String>) {
    let answer = testing::post(app, DECLARATION, session, form).await;
    let status = answer.status().as_u16();
    let text = testing::text(answer).await;
    let fields = text.lines().filter_map(|line| line.split_once('='));
    (status, fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

async fn register(app: &App) -> Vec<serde_json::Value> {
    breach::act(app, breach::Act::List).await.unwrap().as_array().unwrap().clone()
}

#[tokio::test]
async fn p_breach_notice_a_breach_is_reported_from_the_page_once_it_was_seen_whom_it_concerns() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    testing::account(&app, "client@example.com").await;
    let dpo = staff(&app, Role::Dpo).await;
    let session = testing::signed_in(&app, &dpo).await;
    let (status, text) = page(&app, &session, DECLARATION).await;
    assert!(status == 200 && text.contains("significant 3"), "{text}");
    let (status, shown) = reviewed(&app, &session, TYPED).await;
    assert_eq!(status, 200);
    assert_eq!(shown["level"], "significant letters=2 proved=true rehearsal=false");
    assert!(shown["entree"].starts_with("vio_") && !shown["constat"].is_empty());
    assert!(register(&app).await.is_empty(), "nothing is entered by looking");
    let form = format!("{TYPED}&entree={}&constat={}&etape=declarer", shown["entree"], shown["constat"]);
    for _ in 0..2 {
        let answer = testing::post(&app, DECLARATION, &session, &form).await;
        assert_eq!(testing::location(&answer), "/equipe/violations?fait=declaree");
    }
    let entered = register(&app).await;
    assert_eq!(entered.len(), 1, "sent twice, entered once");
    assert_eq!(
        (entered[0]["id"].as_str(), entered[0]["letters"].as_u64()),
        (Some(&*shown["entree"]), Some(2))
    );
    assert_eq!(who(&app, "breach entered").await, [Actor::account(&dpo.id)]);
    assert_eq!(who(&app, "breach assessed").await, [Actor::account(&dpo.id)]);
    let (_, text) = page(&app, &session, "/equipe/violations?fait=declaree").await;
    assert!(text.contains("declaree keeps=true"), "{text}");
    let corrected = testing::post(&app, DECLARATION, &session, &form.replace("declarer", "corriger")).await;
    assert_eq!(corrected.status(), 200);
    assert!(testing::text(corrected).await.contains("typed=une copie est partie"));
}

#[tokio::test]
async fn p_breach_notice_an_exercise_from_the_page_reaches_the_firm_alone_and_faults_are_told_by_field() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    testing::account(&app, "client@example.com").await;
    let session = testing::signed_in(&app, &staff(&app, Role::Dpo).await).await;
    let form = format!("{TYPED}&exercice=oui&etape=declarer");
    let answer = testing::post(&app, DECLARATION, &session, &form).await;
    assert_eq!(testing::location(&answer), "/equipe/violations?fait=exercice");
    let letters = testing::letters(&app).await;
    assert!(
        letters.iter().filter(|mail| mail.template == "violation").all(|mail| mail.to == "b@example.com")
    );
    assert_eq!(register(&app).await[0]["rehearsal"], true);
    for (typed, instead, field, code) in [
        ("faits=une+copie+est+partie", "faits=", "faits", "required"),
        ("portee=toutes", "portee=organisations&organisations=org_0", "organisations", "no_organisation"),
        ("divulgation=oui", "divulgation=non", "nature", "breach_nature"),
        ("portee=toutes", "portee=toutes&entree=x", "entree", "invalid"),
    ] {
        let form = TYPED.replace(typed, instead);
        for form in [form.clone(), format!("{form}&etape=declarer")] {
            let (status, shown) = reviewed(&app, &session, &form).await;
            assert_eq!((status, shown.get(field).map(String::as_str)), (422, Some(code)), "{form}");
        }
    }
    assert_eq!(register(&app).await.len(), 1);
}

#[tokio::test]
async fn p_relogin_a_report_that_comes_long_after_signing_in_is_kept_until_its_author_proved_who_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let session = testing::signed_in(&app, &staff(&app, Role::Dpo).await).await;
    let reader = testing::signed_in(&app, &staff(&app, Role::Auditor).await).await;
    assert_eq!(post(&app, &reader, DECLARATION, TYPED).await, 403, "who reads reports nothing");
    assert_eq!(page(&app, &reader, DECLARATION).await.0, 403);
    assert!(page(&app, &reader, "/equipe/violations").await.1.contains("keeps=false"));
    drop(app);
    let app = std::sync::Arc::new(testing::app(folder.path(), SignedDuration::from_mins(20)).await);
    let (status, shown) = reviewed(&app, &session, &format!("{TYPED}&etape=declarer")).await;
    assert_eq!((status, shown["faits"].as_str()), (403, "une copie est partie"));
    assert!(shown["level"].contains("proved=false"));
    assert!(register(&app).await.is_empty());
    let proof = format!("mot_de_passe_actuel={}", testing::PASSWORD.replace('#', "%23"));
    let proved = testing::post(&app, "/compte/confirmation", &session, &proof).await;
    assert_eq!(proved.status(), 303);
    let session = testing::sent_back(&proved);
    assert_eq!(post(&app, &session, DECLARATION, &format!("{TYPED}&etape=declarer")).await, 303);
    assert_eq!(register(&app).await.len(), 1);
}

#[tokio::test]
async fn p_subprocessors_the_officer_announces_the_declared_list_from_the_page_before_it_applies() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    testing::account(&app, "client@example.com").await;
    let declared = app.settings.processors.iter().skip(1).cloned().collect();
    let first = processors::Act::Announce { declared, applies: "2020-01-01".parse().unwrap() };
    processors::act(&app, first).await.unwrap();
    let dpo = staff(&app, Role::Dpo).await;
    let session = testing::signed_in(&app, &dpo).await;
    let reader = testing::signed_in(&app, &staff(&app, Role::Auditor).await).await;
    let path = "/equipe/prestataires";
    assert_eq!(post(&app, &reader, path, "premier_jour=2100-01-15&relu=oui").await, 403);
    for (form, fault) in [
        ("premier_jour=bient%C3%B4t&relu=oui", "date"),
        ("premier_jour=2100-01-15", "unread"),
        ("premier_jour=2020-01-15&relu=oui", "past"),
    ] {
        let answer = testing::post(&app, path, &session, form).await;
        assert_eq!(answer.status(), 422, "{form}");
        assert!(testing::text(answer).await.contains(fault), "{form}");
    }
    let answer = testing::post(&app, path, &session, "premier_jour=2100-01-15&relu=oui").await;
    assert_eq!(testing::location(&answer), "/equipe/prestataires?fait=annonce");
    assert_eq!(post(&app, &session, path, "premier_jour=2100-01-15&relu=oui").await, 422, "once");
    let told: Vec<_> =
        testing::letters(&app).await.into_iter().filter(|mail| mail.to == "client@example.com").collect();
    assert_eq!(told.len(), 1);
    assert_eq!(who(&app, "processors announced").await.pop(), Some(Actor::account(&dpo.id)));
}
