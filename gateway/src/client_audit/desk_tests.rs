use jiff::SignedDuration;

use super::*;
use crate::client_audit::{limits, visit};
use crate::outbox::Mail;
use crate::testing;

pub(in crate::client_audit) fn auditor() -> Auditor {
    Auditor { name: "Inès Roux".into(), firm: "Contrôle & fils".into(), email: "ines@example.org".into() }
}

/// The first day that the notice allows.
pub(in crate::client_audit) fn first_day(app: &App) -> Date {
    limits::earliest(working_days::today(app.clock.now())).unwrap()
}

fn asked(account: &str, first: Date, days: u32) -> Act {
    Act::Ask {
        account: account.into(),
        first,
        days,
        auditor: auditor(),
        scope: "Chiffrement et accès".into(),
        received: None,
    }
}

async fn letters(app: &App, template: &str) -> Vec<Mail> {
    let all = testing::letters(app).await.into_iter();
    all.filter(|mail| mail.template == template).collect()
}

#[tokio::test]
async fn p_audit_yearly_staff_accept_the_auditor_who_gets_an_access_for_these_days_alone() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let client = testing::account(&app, "client@example.com").await;
    let first = first_day(&app);
    let line = act(&app, asked("client@example.com", first, 2)).await.unwrap();
    assert_eq!(
        (&line["state"], &line["notice"], &line["open"]),
        (&json!("asked"), &json!(45), &json!(false))
    );
    assert_eq!(line["last"], json!(working_days::after(first, 1)));
    assert_eq!(letters(&app, "audit_demande").await[0].to, "b@example.com");
    assert_eq!(letters(&app, "audit_reponse").await[0].to, "client@example.com");
    assert_eq!(letters(&app, "audit_acces").await.len(), 0, "nobody reads before it is accepted");
    let id = line["id"].as_str().unwrap().to_owned();
    act(&app, Act::Accept { id: id.clone() }).await.unwrap();
    let access = letters(&app, "audit_acces").await.remove(0);
    assert_eq!(access.to, "ines@example.org");
    assert!(access.context["link"].as_str().unwrap().contains("/audit?jeton="));
    let answers = letters(&app, "audit_reponse").await;
    assert_eq!(answers.iter().filter(|mail| mail.context["state"] == "accepted").count(), 1);
    for again in [Act::Accept { id: id.clone() }, Act::Refuse { id: id.clone(), reason: "non".into() }] {
        assert!(matches!(act(&app, again).await, Err(DeskError::Decided(_))));
    }
    audit::settle(&app).await.unwrap();
    let part = audit::part(&app, &client.organisation, None).await.unwrap();
    let told: Vec<&str> = part.events.iter().map(|event| event.action.as_str()).collect();
    assert!(told.contains(&"client audit asked") && told.contains(&"client audit accepted"), "{told:?}");
}

#[tokio::test]
async fn p_audit_yearly_a_second_one_within_the_year_too_soon_or_too_long_is_refused_and_a_refused_one_counts_not()
 {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    testing::account(&app, "client@example.com").await;
    testing::account(&app, "other@example.com").await;
    let first = first_day(&app);
    let soon = act(&app, asked("client@example.com", first.yesterday().unwrap(), 1)).await;
    assert!(matches!(soon, Err(DeskError::Limit(Limit::Soon(day))) if day == first));
    let long = act(&app, asked("client@example.com", first, 3)).await;
    assert!(matches!(long, Err(DeskError::Limit(Limit::Long))));
    assert_eq!(act(&app, Act::List).await.unwrap(), json!([]), "what is refused leaves nothing");
    let line = act(&app, asked("client@example.com", first, 1)).await.unwrap();
    let second = act(&app, asked("client@example.com", working_days::after(first, 20).unwrap(), 1)).await;
    assert!(matches!(second, Err(DeskError::Limit(Limit::Often(_)))));
    assert!(
        act(&app, asked("other@example.com", first, 1)).await.is_ok(),
        "another client's year is its own"
    );
    let id = line["id"].as_str().unwrap().to_owned();
    let unsaid = act(&app, Act::Refuse { id: id.clone(), reason: " ".into() }).await;
    assert!(matches!(unsaid, Err(DeskError::Unsaid)));
    act(&app, Act::Refuse { id, reason: "auditeur concurrent".into() }).await.unwrap();
    let refused = letters(&app, "audit_reponse").await;
    assert_eq!(refused.last().unwrap().context["why"], "auditeur concurrent");
    assert!(act(&app, asked("client@example.com", first, 1)).await.is_ok());
}

#[tokio::test]
async fn p_audit_yearly_two_requests_at_once_are_one_audit() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    testing::account(&app, "client@example.com").await;
    let first = first_day(&app);
    let asked = (0..6).map(|_| act(&app, asked("client@example.com", first, 1)));
    let made = futures::future::join_all(asked).await;
    assert_eq!(made.iter().filter(|one| one.is_ok()).count(), 1);
}

#[tokio::test]
async fn p_audit_yearly_a_letter_is_entered_with_the_day_it_came_and_for_a_client_alone() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    testing::account(&app, "client@example.com").await;
    let ago = app.clock.now() - SignedDuration::from_hours(24 * 100);
    let tomorrow = working_days::after(working_days::today(app.clock.now()), 1).unwrap();
    let by_letter = |account: &str, received| match asked(account, tomorrow, 1) {
        Act::Ask { account, first, days, auditor, scope, .. } => {
            Act::Ask { account, first, days, auditor, scope, received }
        }
        other => other,
    };
    assert!(act(&app, by_letter("client@example.com", None)).await.is_err());
    let line = act(&app, by_letter("client@example.com", Some(ago))).await.unwrap();
    assert!(line["notice"].as_u64().unwrap() >= 45);
    let nobody = act(&app, by_letter("nobody@example.com", Some(ago))).await;
    assert!(matches!(nobody, Err(DeskError::NoClient(_))));
    assert!(matches!(act(&app, Act::Accept { id: "aud_none".into() }).await, Err(DeskError::None(_))));
    // The link that the letter would bear is of this audit alone.
    let (organisation, request) = find(&app, line["id"].as_str().unwrap()).await.unwrap();
    assert!(
        visit::link(&app, &organisation, &request, Default::default())
            .starts_with("https://localhost:8443/audit?")
    );
}
