use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, Method};

use super::*;
use crate::accounts::sessions;
use crate::testing;

const ASK: &str = "/espace-client/adresse";
const PASSWORD: &str = "mot_de_passe=Vr7!kd0%23QzpL";

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

async fn signs_in(app: &SharedApp, address: &str) -> u16 {
    let form = format!("email={address}&{PASSWORD}");
    testing::post(app, "/compte/connexion", &HeaderMap::new(), &form).await.status().as_u16()
}

async fn asks(app: &SharedApp, session: &HeaderMap, address: &str) -> Response {
    testing::post(app, ASK, session, &format!("email={address}")).await
}

/// Recipient and path of the links in letters of a kind.
async fn links(app: &App, template: &str) -> Vec<(String, String)> {
    let letters = testing::letters(app).await;
    let of = letters.into_iter().filter(|mail| mail.template == template);
    of.map(|mail| {
        let link = mail.context["link"].as_str().unwrap_or_default();
        (mail.to, link.replace("https://localhost:8443", ""))
    })
    .collect()
}

/// Follows a link by its button.
async fn press(app: &SharedApp, link: &str) -> Response {
    let (path, token) = link.split_once("?jeton=").unwrap();
    testing::post(app, path, &HeaderMap::new(), &format!("jeton={token}")).await
}

#[tokio::test]
async fn an_address_changes_once_the_new_one_confirms_the_old_one_is_told_and_sessions_stay() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let account = testing::account(&app, "old@example.com").await;
    let session = testing::signed_in(&app, &account).await;
    for wrong in ["", "nulle-part", "OLD%40example.com", "new%40example.com&role=owner"] {
        assert_eq!(asks(&app, &session, wrong).await.status(), StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    let asked = asks(&app, &session, "New%40Example.com").await;
    assert_eq!(testing::location(&asked), format!("{ASK}?fait=demandee"));
    assert_eq!(signs_in(&app, "new%40example.com").await, 401, "nothing has changed yet");
    assert_eq!(links(&app, "adresse_demandee").await[0].0, "old@example.com");
    let (to, link) = links(&app, "adresse_confirmation").await.remove(0);
    assert_eq!(to, "New@example.com");
    let looked = testing::ask(&app, Method::GET, &link, &HeaderMap::new(), Body::empty()).await;
    assert_eq!(looked.status(), StatusCode::OK);
    assert_eq!(signs_in(&app, "new%40example.com").await, 401, "a filter that follows links changes nothing");
    assert_eq!(press(&app, &link).await.status(), StatusCode::OK);
    assert_eq!(
        (signs_in(&app, "new%40example.com").await, signs_in(&app, "old%40example.com").await),
        (303, 401)
    );
    assert!(sessions::current(&app, &session).await.unwrap().is_some());
    assert_eq!(press(&app, &link).await.status(), StatusCode::GONE, "a link serves once");
    assert_eq!(links(&app, "adresse_changee").await[0].0, "old@example.com");
}

#[tokio::test]
async fn the_old_address_takes_a_change_back_though_the_thief_changed_twice_and_the_password_too() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let account = testing::account(&app, "old@example.com").await;
    let thief = testing::signed_in(&app, &account).await;
    for (nth, address) in ["thief%40example.com", "other%40example.com"].into_iter().enumerate() {
        asks(&app, &thief, address).await;
        assert_eq!(
            press(&app, &links(&app, "adresse_confirmation").await[nth].1).await.status(),
            StatusCode::OK
        );
    }
    let form = format!("mot_de_passe_actuel=Vr7!kd0%23QzpL&{}", "mot_de_passe=Secret-du-voleur-9182");
    let changed = testing::post(&app, "/espace-client/mot-de-passe", &thief, &form).await;
    let thief = testing::sent_back(&changed);
    assert!(sessions::current(&app, &thief).await.unwrap().is_some());
    let (to, link) = links(&app, "adresse_changee").await.remove(0);
    assert_eq!(to, "old@example.com");
    let back = press(&app, &link).await;
    assert_eq!(back.status(), StatusCode::SEE_OTHER);
    assert!(sessions::current(&app, &thief).await.unwrap().is_none(), "every session is over");
    let choice = testing::location(&back).to_owned();
    let (path, token) = choice.split_once("?jeton=").unwrap();
    let chosen = testing::post(&app, path, &HeaderMap::new(), &format!("jeton={token}&{PASSWORD}")).await;
    assert_eq!(chosen.status(), StatusCode::SEE_OTHER);
    assert_eq!(signs_in(&app, "old%40example.com").await, 303);
    for free in ["thief@example.com", "other@example.com"] {
        assert!(app.store.read(&reservation(&app, &email(free))).await.unwrap().is_none(), "{free}");
    }
    assert_eq!(press(&app, &link).await.status(), StatusCode::GONE);
}

#[tokio::test]
async fn an_address_that_has_an_account_gets_the_same_answer_and_a_letter_and_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let account = testing::account(&app, "old@example.com").await;
    testing::account(&app, "theirs@example.com").await;
    let session = testing::signed_in(&app, &account).await;
    let [known, unknown] = [
        asks(&app, &session, "theirs%40example.com").await,
        asks(&app, &session, "nobody%40example.com").await,
    ];
    assert_eq!((known.status(), testing::location(&known)), (unknown.status(), testing::location(&unknown)));
    assert_eq!(links(&app, "compte_existant").await[0].0, "theirs@example.com");
    // It gets an account of its own between the letter and the link.
    testing::account(&app, "nobody@example.com").await;
    let link = links(&app, "adresse_confirmation").await.remove(0).1;
    assert_eq!(press(&app, &link).await.status(), StatusCode::CONFLICT);
    assert_eq!(signs_in(&app, "old%40example.com").await, 303);
}

#[tokio::test]
async fn a_link_ends_with_its_day_with_another_request_and_with_another_password() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let account = testing::account(&app, "old@example.com").await;
    let session = testing::signed_in(&app, &account).await;
    for address in ["first%40example.com", "second%40example.com"] {
        asks(&app, &session, address).await;
    }
    let link = |nth: usize| {
        let app = &app;
        async move { links(app, "adresse_confirmation").await[nth].1.clone() }
    };
    assert_eq!(press(&app, &link(0).await).await.status(), StatusCode::GONE, "replaced by the second");
    let second = link(1).await;
    let form = "mot_de_passe_actuel=Vr7!kd0%23QzpL&mot_de_passe=Nouveau-secret-9182";
    let changed = testing::post(&app, "/espace-client/mot-de-passe", &session, form).await;
    assert_eq!(press(&app, &second).await.status(), StatusCode::GONE, "the password is another");
    asks(&app, &testing::sent_back(&changed), "third%40example.com").await;
    let third = link(2).await;
    for nonsense in
        ["/compte/adresse?jeton=", "/compte/adresse?jeton=abc", "/compte/adresse/retour?jeton=abc"]
    {
        assert_eq!(press(&app, nonsense).await.status(), StatusCode::GONE);
    }
    drop(app);
    let late = testing::app(folder.path(), TO_CONFIRM + SignedDuration::from_secs(1)).await;
    assert_eq!(press(&std::sync::Arc::new(late), &third).await.status(), StatusCode::GONE);
}

#[tokio::test]
async fn of_two_posts_of_one_link_at_once_one_changes_the_address() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let account = testing::account(&app, "old@example.com").await;
    let session = testing::signed_in(&app, &account).await;
    asks(&app, &session, "new%40example.com").await;
    let link = links(&app, "adresse_confirmation").await.remove(0).1;
    let (one, other) = tokio::join!(press(&app, &link), press(&app, &link));
    let mut statuses = [one.status().as_u16(), other.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 410]);
    assert_eq!(links(&app, "adresse_changee").await.len(), 1);
}

#[tokio::test]
async fn the_old_address_is_held_for_a_week_and_then_free() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let account = testing::account(&app, "old@example.com").await;
    let session = testing::signed_in(&app, &account).await;
    asks(&app, &session, "new%40example.com").await;
    press(&app, &links(&app, "adresse_confirmation").await[0].1).await;
    let back = links(&app, "adresse_changee").await.remove(0).1;
    let new = |app: &SharedApp| {
        let app = app.clone();
        async move {
            let (email, password) = (email("old@example.com"), String::from(testing::PASSWORD).into());
            let new = accounts::NewAccount { email, password, role: accounts::Role::Owner, verified: true };
            accounts::create(&app, new).await.is_ok()
        }
    };
    assert!(!new(&app).await, "nobody else has it meanwhile");
    drop(app);
    let later = TO_TAKE_BACK + SignedDuration::from_secs(1);
    let app = std::sync::Arc::new(testing::app(folder.path(), later).await);
    assert_eq!(press(&app, &back).await.status(), StatusCode::GONE);
    assert!(new(&app).await);
    assert_eq!(signs_in(&app, "new%40example.com").await, 303, "and the account keeps its new one");
}
