use axum::body::Body;
use http::Method;

use super::super::desk::tests::first_day;
use super::*;
use crate::testing;

fn form(first: &str, days: &str, costs: &str) -> String {
    format!(
        "premier_jour={first}&jours={days}&auditeur_nom=In%C3%A8s+Roux&auditeur_societe=Contr%C3%B4le&\
         auditeur_email=ines%40example.org&perimetre=Acc%C3%A8s{costs}"
    )
}

#[tokio::test]
async fn p_audit_yearly_a_client_asks_in_its_area_at_its_own_cost_and_withdraws() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let nobody = testing::ask(&app, Method::GET, PAGE, &HeaderMap::new(), Body::empty()).await;
    assert_eq!(testing::location(&nobody), format!("/compte/connexion?suite={PAGE}"));
    let client = testing::account(&app, "client@example.com").await;
    let session = testing::signed_in(&app, &client).await;
    let first = first_day(&app).to_string();
    let page = testing::ask(&app, Method::GET, PAGE, &session, Body::empty()).await;
    assert!(testing::text(page).await.contains(&format!("earliest={first}")));
    for (body, fault) in [
        (form(&first, "1", ""), "frais=audit_costs"),
        (form(&first, "1", "&frais=oui"), "frais=audit_costs"),
        (form(&first, "3", "&frais=accepte"), "jours=audit_long"),
        (form("2020-01-01", "1", "&frais=accepte"), "premier_jour=audit_soon"),
        (form("2020-99-01", "1", "&frais=accepte"), "premier_jour=date"),
        (form(&first, "x", "&frais=accepte"), "jours=choice"),
        (form(&first, "1", "&frais=accepte&autre=x"), "autre=unknown_field"),
    ] {
        let answer = testing::post(&app, PAGE, &session, &body).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{fault}");
        let text = testing::text(answer).await;
        assert!(text.contains(fault), "{fault} in {text}");
    }
    let answer = testing::post(&app, PAGE, &session, &form(&first, "2", "&frais=accepte")).await;
    assert_eq!(testing::location(&answer), format!("{PAGE}?fait=demande"));
    let again = testing::post(&app, PAGE, &session, &form(&first, "1", "&frais=accepte")).await;
    assert!(testing::text(again).await.contains("premier_jour=audit_often"));
    let requests = request::of(&app, &client.organisation).await.unwrap();
    assert_eq!((requests.len(), requests[0].state), (1, Standing::Asked));
    let other = testing::account(&app, "other@example.com").await;
    let theirs = testing::signed_in(&app, &other).await;
    let path = format!("{PAGE}/{}/retrait", requests[0].id);
    assert_eq!(testing::post(&app, &path, &theirs, "").await.status(), StatusCode::NOT_FOUND);
    let withdrawn = testing::post(&app, &path, &session, "").await;
    assert_eq!(testing::location(&withdrawn), format!("{PAGE}?fait=retrait"));
    assert_eq!(testing::post(&app, &path, &session, "").await.status(), StatusCode::NOT_FOUND, "once");
    let answer = testing::post(&app, PAGE, &session, &form(&first, "1", "&frais=accepte")).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "its place is free again");
}
