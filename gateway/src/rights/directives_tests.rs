use std::io::{Cursor, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use jiff::SignedDuration;
use zip::ZipArchive;

use super::super::desk::{Act, act};
use super::super::request::Channel;
use super::*;
use crate::app::SharedApp;
use crate::email::Email;
use crate::testing;

const MESSAGE: &str = "nom=Durand&prenom=B&email=a%40example.org&raison_sociale=C&adresse=D&message=un";

fn witness(app: &App) -> Witness {
    let dated = working_days::today(app.clock.now());
    Witness { who: "Me Roux, notaire à Paris".into(), proof: Proof::NotaryAct, dated }
}

/// Somebody with an account and a message, who left directives.
async fn directed(app: &SharedApp) -> String {
    testing::account(app, "a@example.org").await;
    testing::post(app, "/contact", &HeaderMap::new(), MESSAGE).await;
    let open = Act::Open {
        email: "a@example.org".into(),
        right: Right::Directives,
        channel: Channel::Post,
        proved: Some("vu".into()),
        language: aops_manifest::Language::Fr,
        said: "Une copie à ma fille, puis tout effacer".into(),
        client: None,
        received: None,
    };
    act(app, open).await.unwrap()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn p_rights_directives_are_carried_out_on_a_proof_that_is_noted_and_the_deed_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let id = directed(&app).await;
    let before = testing::letters(&app).await.len();
    let handed = act(&app, Act::HandOver { id: id.clone(), witness: witness(&app) }).await.unwrap();
    let copy = STANDARD.decode(handed["bytes"].as_str().unwrap()).unwrap();
    let mut copy = ZipArchive::new(Cursor::new(copy)).unwrap();
    let mut json = String::new();
    copy.by_name("donnees.json").unwrap().read_to_string(&mut json).unwrap();
    for held in ["\"accounts\"", "\"messages\"", "Une copie à ma fille"] {
        assert!(json.contains(held), "{held} in {json}");
    }
    let email = Email::parse("a@example.org").unwrap();
    assert!(accounts::find(&app, &email).await.unwrap().is_some(), "handing over erases nothing");

    let line = act(&app, Act::EraseDirected { id: id.clone(), witness: witness(&app) }).await.unwrap();
    assert_eq!((&line["state"], &line["said"]), (&"fulfilled".into(), &"".into()));
    let deeds: Vec<&str> =
        line["carried_out"].as_array().unwrap().iter().map(|done| done["deed"].as_str().unwrap()).collect();
    assert_eq!(deeds, ["handed_over", "erased"]);
    let first = &line["carried_out"][0];
    assert_eq!((&first["who"], &first["proof"]), (&"Me Roux, notaire à Paris".into(), &"notary-act".into()));
    assert!(accounts::find(&app, &email).await.unwrap().is_none());
    let about = inventory::about_address(&app, &email).await.unwrap();
    assert!(about["records"].get("messages").is_none(), "{about}");
    let letters = testing::letters(&app).await;
    let answers = letters.iter().skip(before).filter(|mail| mail.template == "droits_reponse").count();
    assert_eq!(answers, 0, "nobody answers the dead");

    crate::audit::settle(&app).await.unwrap();
    let log = crate::audit::list(&app, None, None).await.unwrap();
    let told: Vec<&str> = log.iter().filter_map(|entry| entry.event.reason.as_deref()).collect();
    assert!(told.iter().filter(|why| why.starts_with("notary act of 2")).count() == 2, "{told:?}");
    assert!(!format!("{told:?}").contains("Roux"), "the log names nobody");
    let again = act(&app, Act::EraseDirected { id, witness: witness(&app) }).await;
    assert!(matches!(again, Err(DeskError::NoDirectives(_))));
}

#[tokio::test]
async fn without_directives_or_with_a_proof_that_can_be_none_nothing_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let id = directed(&app).await;
    let today = witness(&app).dated;
    let wrong = |who: &str, dated: Date| Witness { who: who.into(), dated, ..witness(&app) };
    for wrong in [
        wrong(" ", today),
        wrong("a\nb", today),
        wrong(&"x".repeat(201), today),
        wrong("Me Roux", today.tomorrow().unwrap()),
        wrong("Me Roux", today.yesterday().unwrap().yesterday().unwrap()),
    ] {
        let refused = act(&app, Act::EraseDirected { id: id.clone(), witness: wrong }).await;
        assert!(matches!(refused, Err(DeskError::Witness)));
    }
    let none = act(&app, Act::HandOver { id: "dem_x".into(), witness: witness(&app) }).await;
    assert!(matches!(none, Err(DeskError::None(_))));
    let email = Email::parse("a@example.org").unwrap();
    assert!(accounts::find(&app, &email).await.unwrap().is_some());
}

#[tokio::test]
async fn p_rights_a_directed_erasure_that_a_kill_interrupts_ends_and_its_proof_is_kept_for_its_term() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let id = directed(&app).await;
    let found = request::find(&app, &id).await.unwrap().unwrap();
    let change = |before: &Request| Some(Request { state: State::Erasing, ..before.clone() });
    carried_out(&app, &found, Deed::Erased, &witness(&app), change).await.unwrap();
    drop(app);
    let app = testing::app(folder.path(), SignedDuration::ZERO).await;
    assert_eq!(erasure::under_way(&app).await.unwrap(), 1);
    let email = Email::parse("a@example.org").unwrap();
    assert!(accounts::find(&app, &email).await.unwrap().is_none());
    let stored = app.store.read(&found.address).await.unwrap().unwrap();
    assert!(stored.expires.is_some(), "what is done ends, what waits does not");
}
