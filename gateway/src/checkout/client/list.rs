//! `GET /espace-client/abonnements`: what is subscribed to, what was used of it, who sits in its seats.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use super::Client;
use crate::accounts::{self, SignInNeeded};
use crate::app::{App, SharedApp};
use crate::authorisation::Action;
use crate::checkout::order::{Order, OrderState};
use crate::checkout::seats::{self, SeatError};
use crate::checkout::subscription::Subscription;
use crate::checkout::{orders_of, subscriptions_of, usage};
use crate::email::Email;
use crate::web::posted::Posted;
use crate::web::{WebError, negotiation, render};

const PATH: &str = "/espace-client/abonnements";
/// What a page may say that was done, or was not.
const DONE: [&str; 5] = ["resilie", "repris", "change", "siege", "retracte"];
const FAULTS: [&str; 2] = ["personne", "complet"];

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PATH, get(list)).route("/espace-client/sieges/{order}", post(sit))
}

async fn list(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let client = super::of(&app, &headers, PATH).await?;
    let query = negotiation::query(&uri)?;
    let context = json!({
        "subscriptions": shown(&app, &client).await?,
        "seats": seated(&app, &client).await?,
        "withdrawals": withdrawals(&app, &client).await?,
        "done": query.get("fait").filter(|done| DONE.contains(&done.as_str())),
        "buys": client.account.role.actions().contains(&Action::Buy),
        "seats_given": client.account.role.actions().contains(&Action::AssignSeats),
        "people": accounts::people_of(&app, &client.organisation).await.map_err(WebError::from)?,
        "fault": query.get("faute").filter(|fault| FAULTS.contains(&fault.as_str())),
    });
    let language = negotiation::language(&uri, &headers);
    Ok(render(&app, StatusCode::OK, language, "abonnements.title", "gateway/abonnements.html", context))
}

async fn shown(app: &App, client: &Client) -> Result<Vec<Value>, WebError> {
    let mut lines = Vec::new();
    for one in subscriptions_of(app, &client.organisation).await? {
        let offer = app.settings.offers.iter().find(|offer| offer.id == one.offer);
        let used = match offer.and_then(|offer| offer.metered) {
            Some(metered) => {
                let counted = usage::of(app, &client.organisation, &one.counter()).await?;
                let count = counted.map_or(0, |(counter, _)| counter.count);
                let included = metered.included.saturating_mul(one.quantity);
                json!({
                    "count": count,
                    "included": included,
                    "beyond": count.saturating_sub(included),
                    "price_cents": metered.price_cents,
                })
            }
            None => Value::Null,
        };
        lines.push(line(&one, used));
    }
    Ok(lines)
}

fn line(one: &Subscription, used: Value) -> Value {
    json!({
        "id": one.id,
        "offer": one.offer,
        "standing": one.standing,
        "amount_cents": one.unit_cents * i64::from(one.quantity),
        "quantity": one.quantity,
        "period": one.period,
        "period_end": one.period_end,
        "until": one.access_until(),
        "ends": one.cancel_at_period_end,
        "unpaid": one.unpaid,
        "refunded": one.refunded,
        "alive": one.is_alive(),
        "used": used,
    })
}

async fn seated(app: &App, client: &Client) -> Result<Vec<Value>, WebError> {
    let mut lines = Vec::new();
    for (order, plan, accounts) in seats::all(app, &client.organisation).await? {
        let mut people = Vec::new();
        for account in &accounts {
            let found = accounts::read(app, &client.organisation, account).await?;
            people.push(
                json!({ "id": account, "email": found.map_or_else(|| account.clone(), |one| one.email) }),
            );
        }
        lines.push(
            json!({ "order": order, "offer": plan.offer, "seats": plan.seats, "taken": people.len(), "people": people }),
        );
    }
    Ok(lines)
}

async fn withdrawals(app: &App, client: &Client) -> Result<Vec<Value>, WebError> {
    let now = app.clock.now();
    let open = |order: &Order| order.withdrawal().filter(|until| now < *until);
    let orders = orders_of(app, &client.organisation).await?;
    let line = |order: &Order| Some(json!({ "id": order.id, "offer": order.offer, "until": open(order)? }));
    Ok(orders.iter().filter(|order| order.state == OrderState::Paid).filter_map(line).collect())
}

/// `POST /espace-client/sieges/{order}`: gives a seat to a colleague by their address, or frees one.
async fn sit(
    State(app): State<SharedApp>,
    Path(order): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let client = super::of(&app, &headers, PATH).await?;
    let checker = posted.check(&["email", "compte", "action"]);
    if checker.finish().is_err() {
        return Err(WebError::BadRequest("the form has fields that are not known").into());
    }
    let typed = |name: &str| posted.fields.get(name).map_or("", |value| value.trim());
    let changed = match typed("action") {
        "liberer" => seats::leave(&app, &client.organisation, &order, typed("compte")).await,
        _ => {
            let found = match Email::parse(typed("email")) {
                Ok(email) => accounts::find(&app, &email).await?,
                Err(_) => None,
            };
            // The same answer for an address of another organisation as for one that nobody has.
            match found.filter(|account| account.organisation == client.organisation) {
                Some(account) => seats::take(&app, &client.organisation, &order, &account.id).await,
                None => return Ok(posted.accepted(&format!("{PATH}?faute=personne"))),
            }
        }
    };
    match changed {
        Ok(()) => Ok(posted.accepted(&format!("{PATH}?fait=siege"))),
        Err(SeatError::Full) => Ok(posted.accepted(&format!("{PATH}?faute=complet"))),
        Err(SeatError::Unknown) => Err(WebError::NotFound.into()),
        Err(SeatError::Busy) => Err(WebError::Unavailable("too many come and go at once".into()).into()),
        Err(SeatError::Record(error)) => Err(error.into()),
    }
}
