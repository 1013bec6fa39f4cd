//! `/espace-client/`: what an organisation may use and has used of it, its latest calculations and orders, and what
//! needs attention. It changes nothing.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use crate::accounts::{self, Account, SignInNeeded};
use crate::app::{App, SharedApp};
use crate::authorisation::Action;
use crate::calculations;
use crate::checkout::{self, Plan};
use crate::records::RecordError;
use crate::web::{negotiation, render};

mod attention;

/// So many calculations are shown.
const LATEST: usize = 5;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/espace-client/", get(area))
        .route("/espace-client", get(async || Redirect::permanent("/espace-client/")))
}

/// `GET /espace-client/`: as far as the role of whoever asks lets them read.
async fn area(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let wanted = uri.path_and_query().map_or("/espace-client/", |path| path.as_str());
    let (account, _) = accounts::require_account(&app, &headers, wanted).await?;
    let language = negotiation::language(&uri, &headers);
    let can = |action: Action| account.role.actions().contains(&action);
    let plans = checkout::plans(&app, &account.organisation).await?;
    let holdings = holdings(&app, &account, &plans).await?;
    let mut orders = checkout::orders_of(&app, &account.organisation).await?;
    orders.retain(|_| can(Action::ReadInvoices));
    let calculations = match can(Action::ReadCalculations) {
        true => calculations::latest(&app, &account.organisation, language, LATEST).await?,
        false => Vec::new(),
    };
    let organisation = accounts::organisation(&app, &account.organisation).await?;
    let name = organisation.map_or(account.organisation.clone(), |organisation| organisation.raison_sociale);
    let holder = account.holder.as_ref().map(|holder| format!("{} {}", holder.prenom, holder.nom));
    let query = negotiation::query(&uri)?;
    let context = json!({
        "account": { "email": account.email, "organisation": name, "holder": holder },
        "done": query.get("fait"),
        "attention": attention::of(&app, &account, &holdings).await?,
        "plans": holdings,
        "orders": orders,
        "calculations": calculations,
        "can": {
            "people": can(Action::ReadPeople),
            "invoices": can(Action::ReadInvoices),
            "subscriptions": can(Action::ReadSubscriptions),
            "buy": can(Action::Buy),
            "journal": can(Action::ReadJournal),
            "keys": can(Action::ReadKeys),
            "webhooks": can(Action::ReadWebhooks),
            "calculations": can(Action::ReadCalculations),
            "calculate": can(Action::Calculate) && !plans.is_empty(),
            "data": can(Action::ReadData),
        },
    });
    let page =
        render(&app, StatusCode::OK, language, "espace_client.title", "gateway/espace_client.html", context);
    Ok(page.into_response())
}

/// The plans that are open, with what was used of those that are counted.
async fn holdings(app: &App, account: &Account, plans: &[Plan]) -> Result<Vec<Value>, RecordError> {
    let now = app.clock.now();
    let mut told = Vec::new();
    for plan in plans.iter().filter(|plan| plan.until.is_none_or(|until| now < until)) {
        let used = match &plan.counted {
            Some(counted) => Some(checkout::used(app, &account.organisation, counted).await?),
            None => None,
        };
        let counted = plan.counted.as_ref();
        told.push(json!({
            "offer": plan.offer, "module": plan.module, "from": plan.from, "until": plan.until,
            "used": used,
            "included": counted.map(|counted| counted.included),
            "billed_beyond": counted.is_some_and(|counted| counted.beyond),
        }));
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Method;

    use super::*;
    use crate::accounts::Role;
    use crate::checkout::{Counted, PlanSource};
    use crate::config::Period;
    use crate::testing;

    async fn shown(app: &SharedApp, account: &Account) -> String {
        let session = testing::signed_in(app, account).await;
        testing::text(testing::ask(app, Method::GET, "/espace-client/", &session, Body::empty()).await).await
    }

    #[tokio::test]
    async fn the_overview_tells_what_is_left_of_each_plan_and_what_needs_attention() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let mut account = testing::account(&app, "a@example.com").await;
        assert!(shown(&app, &account).await.contains("attention=second_factor\n"), "nothing else is amiss");
        accounts::second_factor::tests::add_to(&app, &mut account).await;
        let page = shown(&app, &account).await;
        assert!(page.contains("attention=recovery") && !page.contains("attention=second_factor"), "{page}");
        let now = app.clock.now();
        let mut plan = Plan::of("ifc", "ifc", Period::Year, now, PlanSource::Order);
        plan.counted = Some(Counted { counter: "sub_1-0".into(), included: 5, beyond: false });
        checkout::grant(&app, &account, &plan).await.unwrap();
        for (used, amiss) in [(1, false), (2, false), (3, false), (4, true), (5, true)] {
            checkout::meter(&app, &account.organisation, &[plan.clone()], "ifc").await.map(drop).unwrap();
            let page = shown(&app, &account).await;
            assert!(page.contains(&format!("plan=ifc {used}/5")), "{page}");
            assert_eq!(page.contains("attention=quota"), amiss, "{used}: {page}");
        }
        let soon =
            Plan { until: Some(now + jiff::SignedDuration::from_hours(24 * 20)), offer: "b".into(), ..plan };
        checkout::grant(&app, &account, &soon).await.unwrap();
        assert!(shown(&app, &account).await.contains("attention=ending"));
    }

    #[tokio::test]
    async fn the_overview_shows_no_more_than_a_role_may_read() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let owner = testing::account(&app, "a@example.com").await;
        let plan = checkout::staff_plan(&app, checkout::UNLIMITED, app.clock.now()).unwrap();
        checkout::grant(&app, &owner, &plan).await.unwrap();
        let key = accounts::api_keys::create(&app, &owner).await.unwrap().key;
        let headers = HeaderMap::from_iter([
            (http::header::AUTHORIZATION, format!("Bearer {key}").parse().unwrap()),
            (http::header::CONTENT_TYPE, "application/json".parse().unwrap()),
        ]);
        let asked = json!({ "module": "rente", "parameters": aops_engine::example("rente").unwrap() });
        let asked = Body::from(asked.to_string());
        let answer = testing::ask(&app, Method::POST, "/api/v1/calculations", &headers, asked).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        assert!(shown(&app, &owner).await.contains("calculation=rente"));
        let billing = Account {
            id: "acc_billing".into(),
            email: "b@example.com".into(),
            role: Role::Billing,
            ..owner.clone()
        };
        accounts::establish(&app, &billing, None, None).await.unwrap();
        let page = shown(&app, &billing).await;
        assert!(page.contains("plan=illimite") && !page.contains("calculation="), "{page}");
    }
}
