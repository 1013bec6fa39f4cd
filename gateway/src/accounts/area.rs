//! The client area: what an organisation has bought and ordered. It shows and changes nothing.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::json;

use crate::accounts::{self, SignInNeeded};
use crate::app::SharedApp;
use crate::authorisation::Action;
use crate::checkout;
use crate::web::{negotiation, render};

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/espace-client/", get(area))
        .route("/espace-client", get(async || Redirect::permanent("/espace-client/")))
}

/// `GET /espace-client/`: plans and orders of the organisation.
async fn area(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let wanted = uri.path_and_query().map_or("/espace-client/", |path| path.as_str());
    let (account, _) = accounts::require_account(&app, &headers, wanted).await?;
    let plans = checkout::plans(&app, &account.organisation).await?;
    let can = |action: Action| account.role.actions().contains(&action);
    let mut orders = checkout::orders_of(&app, &account.organisation).await?;
    orders.retain(|_| can(Action::ReadInvoices));
    let organisation = accounts::organisation(&app, &account.organisation).await?;
    let name = organisation.map_or(account.organisation.clone(), |organisation| organisation.raison_sociale);
    let holder = account.holder.as_ref().map(|holder| format!("{} {}", holder.prenom, holder.nom));
    let query = negotiation::query(&uri)?;
    let context = json!({
        "account": { "email": account.email, "organisation": name, "holder": holder },
        "done": query.get("fait"),
        "plans": plans,
        "orders": orders,
        "can": {
            "people": can(Action::ReadPeople),
            "invoices": can(Action::ReadInvoices),
            "subscriptions": can(Action::ReadSubscriptions),
            "buy": can(Action::Buy),
            "journal": can(Action::ReadJournal),
            "keys": can(Action::ReadKeys),
            "webhooks": can(Action::ReadWebhooks),
        },
    });
    let language = negotiation::language(&uri, &headers);
    let page =
        render(&app, StatusCode::OK, language, "espace_client.title", "gateway/espace_client.html", context);
    Ok(page.into_response())
}
