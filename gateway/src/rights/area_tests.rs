use axum::body::Body;
use http::{Method, header};

use super::*;
use crate::rights::State as Standing;
use crate::testing;

/// Proves p-rights, p-relogin.
#[tokio::test]
async fn p_rights_whoever_is_signed_in_asks_without_a_letter_and_nobody_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let account = testing::account(&app, "a@example.org").await;
    for path in [PAGE, COPY] {
        let nobody = testing::ask(&app, Method::GET, path, &HeaderMap::new(), Body::empty()).await;
        assert_eq!(nobody.status(), StatusCode::SEE_OTHER, "{path}");
        assert!(testing::location(&nobody).starts_with("/compte/connexion?suite="), "{path}");
    }
    let session = testing::signed_in(&app, &account).await;
    for wrong in ["", "droit=tout", "droit=acces&email=b%40example.org"] {
        let answer = testing::post(&app, PAGE, &session, wrong).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    let answer = testing::post(&app, PAGE, &session, "droit=directives&demande=Tout+effacer").await;
    assert_eq!((answer.status(), testing::location(&answer)), (StatusCode::SEE_OTHER, PAGE));
    testing::post(&app, PAGE, &session, "droit=effacement").await;
    let asked = request::all(&app, None).await.unwrap();
    let states: Vec<Standing> = asked.iter().map(|found| found.request.state).collect();
    assert_eq!(states, [Standing::Fulfilled, Standing::Open], "directives are kept, an erasure is judged");
    assert_eq!(asked[0].request.said, "Tout effacer");
    let page = testing::ask(&app, Method::GET, PAGE, &session, Body::empty()).await;
    let text = testing::text(page).await;
    assert!(text.contains("effacement open\ndirectives fulfilled"), "{text}");
    let copy = testing::ask(&app, Method::GET, COPY, &session, Body::empty()).await;
    assert_eq!(copy.headers()[header::CONTENT_TYPE], "application/zip");
}
