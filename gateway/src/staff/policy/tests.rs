use axum::body::Body;
use http::Method;
use jiff::tz::TimeZone;

use super::*;
use crate::accounts::{Account, NewAccount, Role};
use crate::breach;
use crate::client_audit::{self, Auditor};
use crate::email::Email;
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
    for path in ["/equipe/prestataires", "/equipe/audits", "/equipe/violations"] {
        assert_eq!(page(&app, &support, path).await.0, 403, "{path}");
        assert_eq!(page(&app, &client, path).await.0, 404, "{path}");
        assert_eq!(page(&app, &HeaderMap::new(), path).await.0, 303, "{path}");
    }
}
