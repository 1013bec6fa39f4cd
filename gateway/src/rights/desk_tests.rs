use aops_manifest::Language;
use http::HeaderMap;

use super::*;
use crate::{contact, newsletter, testing};

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
    assert!(matches!(
        act(&app, Act::Refuse { id: id.clone(), reason: why }).await,
        Err(DeskError::Unreasoned)
    ));
    let line = act(&app, Act::Refuse { id: id.clone(), reason: "abusive".into() }).await.unwrap();
    assert_eq!((line["state"].as_str(), line["reason"].as_str()), (Some("refused"), Some("abusive")));
    let over = act(&app, Act::Fulfil { id, proved: None, text: String::new() }).await;
    assert!(matches!(over, Err(DeskError::Answered(_))));
    assert_eq!(told(&app).await, ["received", "extended", "refused"]);
    let letters = testing::letters(&app).await;
    let refused = letters.iter().find(|mail| mail.context["state"] == "refused").unwrap();
    assert_eq!(refused.context["cnil"], "https://www.cnil.fr/fr/plaintes");
    assert!(matches!(
        act(&app, Act::Lift { id: "dem_x".into(), reason: "x".into() }).await,
        Err(DeskError::None(_))
    ));
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
    let forward =
        |client: &str, price_cents| Act::Forward { id: id.clone(), client: client.into(), price_cents };
    assert!(matches!(act(&app, forward("b@example.com", None)).await, Err(DeskError::NoClient(_))));
    let line = act(&app, forward("client@example.com", Some(15_000))).await.unwrap();
    assert_eq!(line["state"], "forwarded");
    assert_eq!(
        (line["price_cents"].as_u64(), line["forwarded"].as_str()),
        (Some(15_000), Some(&*client.organisation))
    );
    let letters = testing::letters(&app).await;
    let letter = letters.iter().find(|mail| mail.template == "droits_client").unwrap();
    assert_eq!(
        (letter.to.as_str(), letter.context["price_cents"].as_u64()),
        ("client@example.com", Some(15_000))
    );
}

const MESSAGE: &str = "nom=Durand&prenom=B&email=a%40example.org&raison_sociale=C&adresse=D&message=un";

#[tokio::test]
async fn p_rights_what_is_restricted_is_closed_to_staff_and_mailings_and_open_to_its_holder_and_to_the_desk()
{
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let account = testing::account(&app, "a@example.org").await;
    testing::post(&app, "/newsletter", &HeaderMap::new(), "email=a%40example.org").await;
    testing::post(&app, "/contact", &HeaderMap::new(), MESSAGE).await;
    testing::post(&app, "/contact", &HeaderMap::new(), &MESSAGE.replace("a%40", "b%40")).await;
    let message = contact::list(&app).await.unwrap()[0].id.clone();
    let id = opened(&app, Right::Restriction, Some("vu")).await;

    // Our own ends: lists go on without it, and what names it is refused as what it is.
    let left = contact::list(&app).await.unwrap();
    assert_eq!(left.iter().map(|line| line.message.email.as_str()).collect::<Vec<_>>(), ["b@example.org"]);
    assert!(newsletter::list(&app).await.unwrap().is_empty());
    assert_eq!(accounts::list(&app).await.unwrap(), []);
    let closed = |error: &contact::ContactError| {
        matches!(error, contact::ContactError::Record(RecordError::Restricted(_)))
            && error.to_string().contains("GDPR art. 18")
    };
    assert!(closed(&contact::show(&app, &message).await.err().unwrap()));
    assert!(closed(&contact::answer(&app, &message, "bonjour").await.unwrap_err()));
    let letters = outbox::list(&app).await.unwrap();
    let addressed = |line: &&outbox::Line| line.to.as_deref() == Some("a@example.org");
    let desk_s = letters.iter().filter(addressed).all(|line| line.template.starts_with("droits_"));
    assert!(desk_s, "letters of what is restricted show no address: {letters:?}");

    // Its holder, the desk and storage go on.
    let form = format!("email=a%40example.org&mot_de_passe={}", testing::PASSWORD.replace('#', "%23"));
    let signed_in = testing::post(&app, "/compte/connexion", &HeaderMap::new(), &form).await;
    assert_eq!(signed_in.status(), 303);
    let session = records::reading_for(Use::TheirWish, testing::signed_in(&app, &account)).await;
    let body = axum::body::Body::empty;
    let area = testing::ask(&app, http::Method::GET, "/espace-client/droits", &session, body()).await;
    assert_eq!(area.status(), 200);
    let email = Email::parse("a@example.org").unwrap();
    let copy = crate::inventory::about_address(&app, &email).await.unwrap();
    assert!(copy["records"]["messages"].is_array() && copy["records"]["subscribers"].is_array(), "{copy}");
    let damaged = records::verify(&app, &crate::inventory::SHAPES).await.unwrap().damaged;
    assert_eq!(damaged, []);
    let stored = records::reading_for(Use::Storage, contact::list(&app)).await.unwrap();
    assert_eq!(stored.len(), 2);

    act(&app, Act::Lift { id, reason: "vérifié".into() }).await.unwrap();
    assert_eq!(contact::list(&app).await.unwrap().len(), 2);
    assert!(contact::show(&app, &message).await.is_ok());
    assert_eq!(accounts::list(&app).await.unwrap().len(), 1);
}

#[tokio::test]
async fn p_rights_what_is_restricted_is_erased_and_goes_with_its_term_like_all_else() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    testing::account(&app, "a@example.org").await;
    testing::post(&app, "/contact", &HeaderMap::new(), MESSAGE).await;
    opened(&app, Right::Restriction, Some("vu")).await;
    let marks = async |app: &App| {
        let scan = crate::store::Scan {
            collection: records::RESTRICTIONS,
            partition: None,
            prefix: String::new(),
            after: None,
            limit: 10,
        };
        app.store.scan(scan).await.unwrap().documents.len()
    };
    assert_eq!(marks(&app).await, 3, "the address as a reader and as a writer, and the account");
    drop(app);
    for (years, what) in [(3, "message_prospect"), (5, "account")] {
        let ahead = jiff::SignedDuration::from_hours(24 * (years * 365 + 3));
        let app = testing::app(folder.path(), ahead).await;
        let now = app.clock.now();
        let run = crate::retention::run(&app, &crate::inventory::KEPT, now);
        let done = records::reading_for(Use::Storage, run).await.unwrap();
        assert!(done.iter().any(|done| done.what == what), "{what} in {done:?}");
    }
    let app = testing::shared(folder.path()).await;
    testing::post(&app, "/contact", &HeaderMap::new(), MESSAGE).await;
    opened(&app, Right::Restriction, Some("vu")).await;
    let id = opened(&app, Right::Erasure, Some("vu")).await;
    let line = act(&app, Act::Fulfil { id, proved: None, text: String::new() }).await.unwrap();
    assert_eq!(line["state"], "fulfilled");
    assert_eq!(marks(&app).await, 0);
    let email = Email::parse("a@example.org").unwrap();
    let left = crate::inventory::about_address(&app, &email).await.unwrap();
    assert!(left["records"].get("messages").is_none(), "{left}");
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
