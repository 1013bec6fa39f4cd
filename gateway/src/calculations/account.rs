//! `GET /api/v1/account` and `GET /api/v1/usage`: what a key opens, and what was used of it.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderValue, header};
use serde_json::{Value, json};

use crate::accounts::api_keys::ApiClient;
use crate::app::SharedApp;
use crate::calculations::{MODULES, cost};
use crate::checkout;
use crate::web::WebError;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route("/api/v1/account", get(account)).route("/api/v1/usage", get(usage))
}

async fn account(State(app): State<SharedApp>, client: ApiClient) -> Result<Response, WebError> {
    let now = app.clock.now();
    let mut plans = checkout::plans_for(&app, &client.organisation, &client.account).await?;
    let modules: Vec<&str> =
        MODULES.iter().copied().filter(|module| plans.iter().any(|plan| plan.opens(module, now))).collect();
    plans.retain(|plan| MODULES.iter().any(|module| plan.opens(module, now)));
    let told = json!({
        "organisation": client.organisation,
        "account": client.account,
        "key": client.key,
        "mode": client.mode,
        "modules": modules,
        "plans": plans,
        "tariff": cost::tariff(),
    });
    Ok(private(told))
}

/// By plan that opens something now: the calculations of its period that were used, and how many it holds. Both are
/// null where calculations are not counted.
async fn usage(State(app): State<SharedApp>, client: ApiClient) -> Result<Response, WebError> {
    let now = app.clock.now();
    let plans = checkout::plans_for(&app, &client.organisation, &client.account).await?;
    let mut told = Vec::new();
    for plan in plans.iter().filter(|plan| MODULES.iter().any(|module| plan.opens(module, now))) {
        let used = match &plan.counted {
            Some(counted) => Some(checkout::used(&app, &client.organisation, counted).await?),
            None => None,
        };
        told.push(json!({
            "offer": plan.offer,
            "module": plan.module,
            "from": plan.from,
            "until": plan.until,
            "used": used,
            "included": plan.counted.as_ref().map(|counted| counted.included),
            "billed_beyond": plan.counted.as_ref().is_some_and(|counted| counted.beyond),
        }));
    }
    Ok(private(json!({ "plans": told })))
}

fn private(told: Value) -> Response {
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(told)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::{HeaderMap, Method, StatusCode};

    use super::*;
    use crate::accounts;
    use crate::checkout::{Counted, PlanSource};
    use crate::config::Period;
    use crate::testing;

    #[tokio::test]
    async fn usage_tells_what_is_counted_and_what_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let account = testing::account(&app, "a@example.com").await;
        let now = app.clock.now();
        let free = checkout::Plan::of("a", "rente", Period::Year, now, PlanSource::Order);
        let mut counted = checkout::Plan::of("b", "ifc", Period::Year, now, PlanSource::Order);
        counted.counted = Some(Counted { counter: "sub_1-0".into(), included: 2, beyond: false });
        for plan in [&free, &counted] {
            checkout::grant(&app, &account, plan).await.unwrap();
        }
        let plans = [counted];
        checkout::meter(&app, &account.organisation, &plans, "ifc").await.map(drop).unwrap();
        let key = accounts::api_keys::create(&app, &account).await.unwrap().key;
        let bearer = HeaderValue::from_str(&format!("Bearer {key}")).unwrap();
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]);
        let answer = testing::ask(&app, Method::GET, "/api/v1/usage", &headers, Body::empty()).await;
        assert_eq!(
            (answer.status(), &answer.headers()["cache-control"]),
            (StatusCode::OK, &"no-store".parse().unwrap())
        );
        let told: Value = serde_json::from_str(&testing::text(answer).await).unwrap();
        let of = |offer: &str| {
            told["plans"].as_array().unwrap().iter().find(|plan| plan["offer"] == offer).unwrap()
        };
        assert_eq!((&of("a")["used"], &of("a")["included"]), (&Value::Null, &Value::Null));
        assert_eq!((&of("b")["used"], &of("b")["included"]), (&json!(1), &json!(2)));
        assert_eq!(of("b")["billed_beyond"], json!(false));
    }
}
