//! Lists that stand apart from their outcome: what is told without them, the reports that have all of their lines, and
//! their end.

use aops_engine::{Watch, calculate_lines};
use axum::body::Body;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::records::OUTCOMES;
use super::chunks::{opened, portfolio, staff, submitted};
use super::{ALL, client, count, get, run};
use crate::testing;

/// Where contents stand.
const CONTENTS: &str = "blobs";

#[tokio::test]
async fn a_long_list_is_not_told_with_the_result_stands_whole_in_reports_and_goes_with_its_calculation() {
    let folder = tempfile::tempdir().unwrap();
    let app = opened(folder.path(), 0).await;
    let (account, headers) = client(&app, "a@example.com").await;
    let mut body = portfolio(&app, &headers).await;
    body["parameters"]["detail"] = json!(true);
    let before = count(&app, CONTENTS, &account.organisation).await;
    let id = submitted(&app, &headers, &body).await;
    run(&app, &account, &id).await;

    let computed = calculate_lines("ifc", &body["parameters"], staff(), &Watch::default()).unwrap();
    // Decimals are read back by the same reader on both sides.
    let mut expected: Value = serde_json::from_str(&computed.into_json().to_string()).unwrap();
    let (_, told) = get(&app, &headers, &format!("/{id}/report.json")).await;
    assert!(told["result"] == expected, "the report is not what the engine answers");
    expected.as_object_mut().unwrap().remove("employees");
    let (_, told) = get(&app, &headers, &format!("/{id}")).await;
    assert!(told["result"] == expected, "the result is not the same without its list");
    for (form, begins) in [("xlsx", &b"PK"[..]), ("pdf", b"%PDF-")] {
        let path = format!("{ALL}/{id}/report.{form}");
        let response = testing::ask(&app, Method::GET, &path, &headers, Body::empty()).await;
        assert_eq!(response.status(), StatusCode::OK, "{form}");
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap();
        assert!(bytes.starts_with(begins), "{form}");
    }

    assert!(count(&app, CONTENTS, &account.organisation).await >= before + 2, "the outcome and its lines");
    let gone = testing::ask(&app, Method::DELETE, &format!("{ALL}/{id}"), &headers, Body::empty()).await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    assert_eq!(count(&app, OUTCOMES, &account.organisation).await, 0);
    assert_eq!(count(&app, CONTENTS, &account.organisation).await, before);
}
