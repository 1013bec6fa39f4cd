use axum::body::Body;
use http::Method;
use jiff::SignedDuration;

use super::super::desk::tests::{auditor, first_day};
use super::super::desk::{Act, act};
use super::*;
use crate::app::SharedApp;
use crate::testing;

/// The status and the text of the auditor's page, so long from now.
async fn shown(folder: &std::path::Path, path: &str, ahead: SignedDuration) -> (StatusCode, String) {
    let app: SharedApp = std::sync::Arc::new(testing::app(folder, ahead).await);
    let answer = testing::ask(&app, Method::GET, path, &HeaderMap::new(), Body::empty()).await;
    (answer.status(), testing::text(answer).await)
}

#[tokio::test]
async fn p_audit_yearly_the_auditor_s_access_reads_on_its_days_changes_nothing_and_ends_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let client = testing::account(&app, "client@example.com").await;
    testing::account(&app, "other@example.com").await;
    let first = first_day(&app);
    let asked = Act::Ask {
        account: "client@example.com".into(),
        first,
        days: 1,
        auditor: auditor(),
        scope: "Accès".into(),
        received: None,
    };
    let id = act(&app, asked).await.unwrap()["id"].as_str().unwrap().to_owned();
    act(&app, Act::Accept { id: id.clone() }).await.unwrap();
    let letters = testing::letters(&app).await;
    let letter = letters.iter().find(|mail| mail.template == "audit_acces").unwrap();
    let path = letter.context["link"].as_str().unwrap().replace("https://localhost:8443", "");
    let (opens, now) = (working_days::start_of(first), app.clock.now());
    let until = |at: Timestamp| at.duration_since(now);
    let day = SignedDuration::from_hours(24);
    let minute = SignedDuration::from_mins(1);
    // Nothing of it is a door for writing.
    let posted = testing::post(&app, &path, &HeaderMap::new(), "x=1").await;
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
    drop(app);
    let at = async |ahead: SignedDuration| shown(folder.path(), &path, ahead).await;
    let (status, text) = at(until(opens) - minute).await;
    assert_eq!((status, text.contains("early")), (StatusCode::FORBIDDEN, true), "{text}");
    let (status, text) = at(until(opens) + minute).await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("account_created") && text.contains("DigitalOcean"), "{text}");
    assert!(!text.contains("example.com") && !text.contains("other"), "{text}");
    let (status, text) = at(until(opens) + day * 2 + minute).await;
    assert_eq!((status, text.contains("over")), (StatusCode::GONE, true), "{text}");
    for wrong in ["/audit", "/audit?jeton=x", &format!("{path}x"), &path.replace("jeton=", "jeton=A")] {
        let (status, _) = shown(folder.path(), wrong, until(opens) + minute).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    // Each reading stands in the client's own part of the log, as the auditor's.
    let app = testing::app(folder.path(), until(opens) + minute).await;
    audit::settle(&app).await.unwrap();
    let part = audit::part(&app, &client.organisation, None).await.unwrap();
    let read = part.events.iter().find(|event| event.action == "client audit read").unwrap();
    assert_eq!((read.actor.kind(&client.id), read.object.as_str()), ("auditor", id.as_str()));
    // Staff end it at once.
    act(&app, Act::End { id, reason: "le service est perturbé".into() }).await.unwrap();
    drop(app);
    assert_eq!(at(until(opens) + minute * 2).await.0, StatusCode::GONE);
}
