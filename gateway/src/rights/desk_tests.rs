use aops_manifest::Language;
use http::HeaderMap;

use super::*;
use crate::testing;

fn open(right: Right, proved: Option<&str>) -> Act {
    Act::Open {
        email: "a@example.org".into(),
        right,
        channel: Channel::Post,
        proved: proved.map(str::to_owned),
        language: Language::Fr,
        said: "Bonjour".into(),
        client: None,
        received: None,
    }
}

async fn opened(app: &App, right: Right, proved: Option<&str>) -> String {
    act(app, open(right, proved)).await.unwrap()["id"].as_str().unwrap().to_owned()
}

/// The states told to whoever asked, in order.
async fn told(app: &App) -> Vec<String> {
    let letters = testing::letters(app).await.into_iter();
    let mine = letters.filter(|mail| mail.template == "droits_reponse");
    mine.map(|mail| mail.context["state"].as_str().unwrap().to_owned()).collect()
}

/// Proves p-cnil-complaint.
#[tokio::test]
async fn p_rights_staff_enter_extend_refuse_and_fulfil_and_each_answer_is_told_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let id = opened(&app, Right::Rectification, None).await;
    let unproved = act(&app, Act::Fulfil { id: id.clone(), proved: None, text: String::new() }).await;
    assert!(matches!(unproved, Err(DeskError::Unproved(_))));
    let id = opened(&app, Right::Rectification, Some("carte d’identité vue au guichet")).await;
    let line = act(&app, Act::Extend { id: id.clone(), reason: "archives".into() }).await.unwrap();
    assert_eq!((line["state"].as_str(), line["extended"].as_bool()), (Some("open"), Some(true)));
    let again = act(&app, Act::Extend { id: id.clone(), reason: "encore".into() }).await;
    assert!(matches!(again, Err(DeskError::Late(_))));
    let why = " ".to_owned();
    assert!(matches!(act(&app, Act::Refuse { id: id.clone(), reason: why }).await, Err(DeskError::Unreasoned)));
    let line = act(&app, Act::Refuse { id: id.clone(), reason: "abusive".into() }).await.unwrap();
    assert_eq!((line["state"].as_str(), line["reason"].as_str()), (Some("refused"), Some("abusive")));
    let over = act(&app, Act::Fulfil { id, proved: None, text: String::new() }).await;
    assert!(matches!(over, Err(DeskError::Answered(_))));
    assert_eq!(told(&app).await, ["received", "extended", "refused"]);
    let letters = testing::letters(&app).await;
    let refused = letters.iter().find(|mail| mail.context["state"] == "refused").unwrap();
    assert_eq!(refused.context["cnil"], "https://www.cnil.fr/fr/plaintes");
    assert!(matches!(act(&app, Act::Lift { id: "dem_x".into(), reason: "x".into() }).await, Err(DeskError::None(_))));
    let log = crate::audit::settle(&app).await.map(|()| crate::audit::list(&app, None, None));
    let log = serde_json::to_string(&log.unwrap().await.unwrap()).unwrap();
    assert!(log.contains("rights request answered") && !log.contains("example.org"), "{log}");
}

#[tokio::test]
async fn p_rights_an_erasure_by_the_desk_leaves_nothing_but_the_hash_and_the_request() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    testing::account(&app, "a@example.org").await;
    testing::post(&app, "/newsletter", &HeaderMap::new(), "email=a%40example.org").await;
    let id = opened(&app, Right::Erasure, Some("vu")).await;
    let line = act(&app, Act::Fulfil { id, proved: None, text: "Fait.".into() }).await.unwrap();
    assert_eq!(line["state"], "fulfilled");
    let email = Email::parse("a@example.org").unwrap();
    assert!(accounts::find(&app, &email).await.unwrap().is_none());
    assert!(crate::newsletter::list(&app).await.unwrap().is_empty());
    assert_eq!(told(&app).await, ["received", "fulfilled"]);
}

#[tokio::test]
async fn p_rights_help_what_our_help_costs_a_client_is_recorded_before_and_told_with_the_request() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let client = testing::account(&app, "client@example.com").await;
    let id = opened(&app, Right::Access, None).await;
    let forward = |client: &str, price_cents| Act::Forward { id: id.clone(), client: client.into(), price_cents };
    assert!(matches!(act(&app, forward("b@example.com", None)).await, Err(DeskError::NoClient(_))));
    let line = act(&app, forward("client@example.com", Some(15_000))).await.unwrap();
    assert_eq!(line["state"], "forwarded");
    assert_eq!((line["price_cents"].as_u64(), line["forwarded"].as_str()), (Some(15_000), Some(&*client.organisation)));
    let letters = testing::letters(&app).await;
    let letter = letters.iter().find(|mail| mail.template == "droits_client").unwrap();
    assert_eq!((letter.to.as_str(), letter.context["price_cents"].as_u64()), ("client@example.com", Some(15_000)));
}

#[tokio::test]
async fn p_rights_a_restriction_holds_until_it_is_lifted_and_its_holder_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let email = Email::parse("a@example.org").unwrap();
    let id = opened(&app, Right::Restriction, Some("vu")).await;
    act(&app, Act::Fulfil { id: id.clone(), proved: None, text: String::new() }).await.unwrap();
    assert!(suppression::is_restricted(&app, &email).await.unwrap());
    act(&app, Act::Lift { id, reason: "vérifié".into() }).await.unwrap();
    assert!(!suppression::is_restricted(&app, &email).await.unwrap());
    assert_eq!(told(&app).await, ["received", "fulfilled", "lifted"]);
}
