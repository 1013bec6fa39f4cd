//! `GET,POST …/abonnements/{id}/changer`: another offer or another number of seats, with what it costs now shown
//! before it is done.

use std::collections::BTreeMap;

use aops_manifest::Language;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::accounts::SignInNeeded;
use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::checkout::place::refusal;
use crate::checkout::subscription::Subscription;
use crate::config::Offer;
use crate::payments::{Change, PaymentsError, Standing};
use crate::web::posted::Posted;
use crate::web::{WebError, negotiation, render};

const LIST: &str = "/espace-client/abonnements";
/// What was previewed may be agreed to for so long.
const AGREED: SignedDuration = SignedDuration::from_mins(30);

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route("/espace-client/abonnements/{id}/changer", get(ask).post(change))
}

/// What may be changed to: offers that are charged as often, in the same currency.
fn choices<'a>(app: &'a App, held: &Subscription) -> Vec<&'a Offer> {
    let same =
        |offer: &&Offer| offer.period == held.period && offer.currency.eq_ignore_ascii_case(&held.currency);
    app.settings.offers.iter().filter(same).collect()
}

async fn ask(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, SignInNeeded> {
    let client = super::of(&app, &headers, uri.path()).await?;
    let held = client.subscription(&app, &id).await?;
    let language = negotiation::language(&uri, &headers);
    let values = json!({ "offre": held.offer, "sieges": held.quantity });
    Ok(page(&app, StatusCode::OK, language, &held, &values, &BTreeMap::new(), Value::Null))
}

fn page(
    app: &App,
    status: StatusCode,
    language: Language,
    held: &Subscription,
    values: &Value,
    errors: &BTreeMap<String, String>,
    preview: Value,
) -> Response {
    let choices: Vec<Value> = choices(app, held)
        .into_iter()
        .map(|offer| json!({ "id": offer.id, "price_cents": offer.price_cents, "most": offer.most_seats() }))
        .collect();
    let context = json!({
        "id": held.id, "offer": held.offer, "period": held.period, "seats": held.quantity,
        "choices": choices, "values": values, "errors": errors, "preview": preview,
        "changeable": held.standing == Standing::Active && !held.cancel_at_period_end,
    });
    render(app, status, language, "changement.title", "gateway/changement.html", context)
}

async fn change(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let client = super::proved(&app, &headers, LIST).await?;
    let held = client.subscription(&app, &id).await?;
    let refused = |errors: &BTreeMap<String, String>| {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        page(&app, status, posted.language, &held, &json!(posted.fields), errors, Value::Null)
    };
    let mut checker = posted.check(&["offre", "sieges", "total", "instant"]);
    let typed = |name: &str| posted.fields.get(name).map_or("", |value| value.trim());
    let offer = choices(&app, &held).into_iter().find(|offer| offer.id == typed("offre"));
    let seats = match typed("sieges") {
        "" => Some(1),
        text => text.parse::<u32>().ok(),
    };
    let seats = seats.filter(|seats| (1..=offer.map_or(1, Offer::most_seats)).contains(seats));
    if offer.is_none() {
        checker.fault("offre", "offer");
    }
    if seats.is_none() {
        checker.fault("sieges", "seats");
    }
    if held.standing != Standing::Active || held.cancel_at_period_end {
        checker.fault("offre", "unchangeable");
    } else if offer.is_some_and(|offer| offer.id == held.offer) && seats == Some(held.quantity) {
        checker.fault("offre", "unchanged");
    }
    let (offer, seats) = match (checker.finish(), offer, seats) {
        (Ok(()), Some(offer), Some(seats)) => (offer, seats),
        (Err(errors), ..) => return Ok(refused(&errors)),
        _ => return Err(WebError::Internal("an unknown offer passed".into()).into()),
    };
    // Agreed to: the second of the preview, and the sum that was shown.
    let now = app.clock.now();
    let agreed = typed("instant").parse::<i64>().ok().and_then(|second| Timestamp::from_second(second).ok());
    let agreed = agreed.filter(|at| *at <= now && now.duration_since(*at) <= AGREED);
    let asked = Change {
        subscription: held.id.clone(),
        item: held.item.clone(),
        offer: offer.id.clone(),
        name: offer.name_in(posted.language.tag()).to_owned(),
        unit_cents: offer.price_cents,
        quantity: seats,
        currency: offer.currency.clone(),
        period: offer.period,
        at: agreed.unwrap_or(now),
    };
    let preview = app.payments.preview(&asked).await.map_err(refusal)?;
    let shown = typed("total").parse::<i64>().ok();
    if agreed.is_none() || shown != Some(preview.total_cents) {
        let mut preview = json!(preview);
        preview["at"] = json!(asked.at.as_second());
        let values = json!(posted.fields);
        let status = StatusCode::OK;
        return Ok(page(&app, status, posted.language, &held, &values, &BTreeMap::new(), preview));
    }
    let key = format!("change-{}-{}-{}-{}", held.id, offer.id, seats, asked.at.as_second());
    match app.payments.change(&asked, &key).await {
        Ok(()) => {}
        Err(PaymentsError::Refused { status: 402, .. }) => {
            return Ok(refused(&BTreeMap::from([("offre".to_owned(), "card_refused".to_owned())])));
        }
        Err(error) => return Err(refusal(error).into()),
    }
    audit::record(&app, &Event::of(&app, &client.account, "subscription changed", &held.id)).await?;
    client.refreshed(&app, &held.customer).await;
    Ok(posted.accepted(&format!("{LIST}?fait=change")))
}
