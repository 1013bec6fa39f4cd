use axum::body::Body;
use http::Method;
use jiff::{SignedDuration, ToSpan};

use super::*;
use crate::processors::{Act, Processor, act};
use crate::testing;

#[tokio::test]
async fn p_subprocessors_a_client_reads_the_list_in_force_what_is_to_come_and_the_history() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let client = testing::account(&app, "client@example.com").await;
    let nobody = testing::ask(&app, Method::GET, PAGE, &HeaderMap::new(), Body::empty()).await;
    assert_eq!(testing::location(&nobody), format!("/compte/connexion?suite={PAGE}"));
    let first = Act::Announce {
        declared: app.settings.processors.clone(),
        applies: working_days::today(app.clock.now()),
    };
    act(&app, first).await.unwrap();
    let mut declared = app.settings.processors.clone();
    declared.push(Processor {
        name: "Autre".into(),
        role: "sauvegarde".into(),
        country: "France".into(),
        safeguard: "aucun transfert".into(),
    });
    let applies = working_days::today(app.clock.now()).checked_add(10.days()).unwrap();
    act(&app, Act::Announce { declared, applies }).await.unwrap();
    let session = testing::signed_in(&app, &client).await;
    let shown = testing::text(testing::ask(&app, Method::GET, PAGE, &session, Body::empty()).await).await;
    assert!(shown.contains("2 to come +Autre\n1 in force\n"), "{shown}");
    drop(app);
    let app = std::sync::Arc::new(testing::app(folder.path(), SignedDuration::from_hours(24 * 11)).await);
    let session = testing::signed_in(&app, &client).await;
    let shown = testing::text(testing::ask(&app, Method::GET, PAGE, &session, Body::empty()).await).await;
    assert!(shown.contains("2 in force +Autre\n1 before\n"), "{shown}");
}
