use axum::body::Body;
use http::{Method, StatusCode};

use super::*;
use crate::testing;

async fn asked(app: &SharedApp, headers: &HeaderMap, sheet: &str) -> Response {
    testing::ask(app, Method::GET, &format!("{PAGE}/{sheet}"), headers, Body::empty()).await
}

/// Proves p-client-controller, p-transfers.
#[tokio::test]
async fn p_subprocessors_a_client_downloads_a_sheet_for_each_tool_the_annex_and_the_measures() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let client = testing::account(&app, "client@example.com").await;
    let session = testing::signed_in(&app, &client).await;
    let mut sheets: Vec<String> = tools().iter().map(|tool| format!("traitement-{tool}.html")).collect();
    sheets.extend(["annexe.html", "mesures.html", "localisation.html", "effacement.html"].map(str::to_owned));
    for sheet in &sheets {
        let answer = asked(&app, &session, sheet).await;
        assert_eq!(answer.status(), StatusCode::OK, "{sheet}");
        let attached = answer.headers()[header::CONTENT_DISPOSITION].to_str().unwrap();
        assert_eq!(attached, format!("attachment; filename=\"aops-{sheet}\""));
        let text = testing::text(answer).await;
        let hosted = sheet.starts_with("mesures") || sheet.starts_with("effacement");
        assert!(hosted || text.contains("DigitalOcean"), "{sheet}: {text}");
    }
    let ifc = testing::text(asked(&app, &session, "traitement-ifc.html").await).await;
    let columns = aops_engine::lines("ifc").unwrap().columns;
    assert!(columns.iter().all(|column| ifc.contains(&column.title)), "{ifc}");
    assert!(ifc.contains(&client.organisation), "the client is the controller");
    for unknown in ["traitement-autre.html", "traitement-ifc", "autre.html", "..%2Fx.html"] {
        assert_eq!(asked(&app, &session, unknown).await.status(), StatusCode::NOT_FOUND, "{unknown}");
    }
    let nobody = asked(&app, &HeaderMap::new(), "annexe.html").await;
    assert!(testing::location(&nobody).starts_with("/compte/connexion?suite="));
}
