//! Placing an order: the order first, then its payment page, then the way there; and where one comes back.

use std::collections::BTreeMap;

use aops_manifest::Language;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri, header};
use serde_json::{Value, json};

use super::basket::{self, Wanted};
use super::billing;
use super::client::{self, Client};
use crate::accounts::{self, LocalPath, random};
use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::checkout::{ORDERS, Opening, Order, OrderState, SESSIONS, opening_address};
use crate::payments::{Basket, PaymentsError};
use crate::records;
use crate::store::{Batch, Expect};
use crate::tax::{Buyer, Tax};
use crate::web::posted::Posted;
use crate::web::{WebError, negotiation, render};

/// Where a basket is looked at and ordered.
const PATH: &str = "/commande";

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route(PATH, get(look).post(place))
        .route("/commande/merci", get(thanks))
        .route("/commande/annulee", get(cancelled))
}

/// `GET /commande`: the basket, as it was left before signing in.
async fn look(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let language = negotiation::language(&uri, &headers);
    let asked = negotiation::query(&uri)?;
    let named = asked.get("offre").and_then(|id| app.settings.offers.iter().find(|offer| offer.id == *id));
    let found = named.map(|offer| (offer, 1)).or_else(|| basket::remembered(&app, &headers));
    let Some((offer, seats)) = found else {
        let offers = app.site.load().texts.text(language, "path.offers", &[]);
        let offers = LocalPath::parse(&offers).unwrap_or_else(LocalPath::offers);
        return Ok(Redirect::to(offers.as_str()).into_response());
    };
    let session = accounts::sessions::current(&app, &headers).await?;
    let said = match &session {
        Some(session) => billing::of(&app, &session.organisation).await?,
        None => billing::Billing::default(),
    };
    let buyer = Buyer { country: &said.country, has_number: said.number.is_some(), consumer: false };
    let tax = Tax::of(app.settings.tax.as_ref(), &buyer);
    let summary = basket::told(&first(&app, offer, seats, tax, language));
    let mut values = BTreeMap::from([
        ("offre".to_owned(), offer.id.clone()),
        ("sieges".to_owned(), seats.to_string()),
        ("pays".to_owned(), said.country.clone()),
    ]);
    if let Some(checked) = said.number {
        values.insert("tva".into(), checked.number.to_string());
    }
    Ok(page(&app, language, &json!(values), &summary))
}

fn page(app: &App, language: Language, values: &Value, summary: &Value) -> Response {
    let form = json!({ "values": values, "errors": {}, "action": PATH, "summary": summary });
    let context = json!({ "form_name": "commande", "form": form });
    render(app, StatusCode::OK, language, "form.commande.title", "gateway/form.html", context)
}

/// `POST /commande`: 303 to the payment page; or, asked for a summary alone, the basket again.
async fn place(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, WebError> {
    let known = posted.fields.get("offre").map(|id| id.trim());
    let known = known.is_some_and(|id| app.settings.offers.iter().any(|offer| offer.id == id));
    let back = match known {
        true => PATH.to_owned(),
        false => offers_page(&app, &headers, posted.language).as_str().to_owned(),
    };
    let client = match client::of(&app, &headers, &back).await {
        Ok(client) => client,
        Err(needed) => {
            let mut response = needed.into_response();
            if let Some(cookie) = basket::kept(&posted).filter(|_| known) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            return Ok(response);
        }
    };
    let id = format!("ord_{}", random::base62(20)?);
    let wanted = match basket::read(&app, &posted, &client.organisation, &id).await? {
        Ok(wanted) => wanted,
        Err(errors) => return Ok(posted.refused(&app, "commande", PATH, &errors)),
    };
    let asked = first(&app, wanted.offer, wanted.seats, wanted.tax(&app), posted.language);
    let asked = Basket {
        order: id,
        organisation: client.organisation.clone(),
        customer: customer(&app, &client.organisation).await?,
        email: client.account.email.clone(),
        ..asked
    };
    let Some(asked) = wanted.summed(&app, asked).await.map_err(refusal)? else {
        let fault = BTreeMap::from([("code_promo".to_owned(), "promotion".to_owned())]);
        return Ok(posted.refused(&app, "commande", PATH, &fault));
    };
    if posted.fields.get("action").is_some_and(|action| action == "recapituler") {
        return Ok(page(&app, posted.language, &json!(posted.fields), &basket::told(&asked)));
    }
    let order = placed(&app, &client, &wanted, &asked).await?;
    match app.payments.open(&asked).await {
        Ok(opened) => {
            tie(&app, order, &opened.session).await?;
            let mut response = onward(&opened.url, posted.wants_json);
            response.headers_mut().append(header::SET_COOKIE, basket::emptied());
            Ok(response)
        }
        Err(error) => {
            give_up(&app, order).await?;
            Err(refusal(error))
        }
    }
}

/// A basket of an offer, before anything is known of who buys.
fn first(app: &App, offer: &crate::config::Offer, seats: u32, tax: Tax, language: Language) -> Basket {
    let base = &app.settings.platform_url;
    let lang = if language == Language::En { "?lang=en" } else { "" };
    Basket {
        order: String::new(),
        organisation: String::new(),
        offer: offer.id.clone(),
        name: offer.name_in(language.tag()).to_owned(),
        unit_cents: offer.price_cents,
        quantity: seats,
        currency: offer.currency.clone(),
        period: offer.period,
        tax,
        promotion: None,
        customer: None,
        email: String::new(),
        language,
        success_url: format!("{base}/commande/merci{lang}"),
        cancel_url: format!("{base}/commande/annulee{lang}"),
    }
}

/// The processor's name of an organisation, if it has paid before.
async fn customer(app: &App, organisation: &str) -> Result<Option<String>, WebError> {
    let orders = super::orders_of(app, organisation).await?;
    Ok(orders.into_iter().find_map(|order| order.paid.customer))
}

/// Writes the order, before any payment page exists, with what was said of the buyer.
async fn placed(app: &App, client: &Client, wanted: &Wanted<'_>, asked: &Basket) -> Result<Order, WebError> {
    let order = Order::new(&client.account, &client.organisation, wanted.offer, asked, app.clock.now());
    let order = Order { consumer: wanted.consumer, ..order };
    let mut batch = Batch::new(&order.organisation);
    audit::note(&mut batch, &Event::of(app, &client.account, "order placed", &order.id))?;
    if wanted.said {
        billing::put(app, &mut batch, &wanted.billing).await?;
    }
    record(app, batch, &order, Expect::Absent).await?;
    Ok(order)
}

/// The page's id leads to the order before the buyer can pay: its events always find it.
async fn tie(app: &App, order: Order, session: &str) -> Result<(), WebError> {
    let opening = Opening { organisation: order.organisation.clone(), order: order.id.clone() };
    let address = opening_address(session);
    let mut batch = Batch::new(&address.partition);
    records::put_plain(&mut batch, SESSIONS, &address.key, Expect::Anything, &opening, None)?;
    app.store.commit(batch).await?;
    let order = Order { session: Some(session.to_owned()), updated: app.clock.now(), ..order };
    record(app, Batch::new(&order.organisation), &order, Expect::Version(1)).await
}

async fn give_up(app: &App, order: Order) -> Result<(), WebError> {
    let order = Order { state: OrderState::Failed, updated: app.clock.now(), ..order };
    record(app, Batch::new(&order.organisation), &order, Expect::Version(1)).await
}

async fn record(app: &App, mut batch: Batch, order: &Order, expect: Expect) -> Result<(), WebError> {
    records::put_plain(&mut batch, ORDERS, &order.id, expect, order, super::retained::expiry(app, order))?;
    Ok(app.store.commit(batch).await?)
}

pub(super) fn refusal(error: PaymentsError) -> WebError {
    match error {
        PaymentsError::Unavailable(_) | PaymentsError::Answer(_) | PaymentsError::Random(_) => {
            WebError::Unavailable(error.to_string())
        }
        PaymentsError::Refused { .. } | PaymentsError::Configuration(_) => {
            // Ours to mend, but for the buyer it is the same: no order now, perhaps later.
            tracing::error!(%error, "no payment page can be opened");
            WebError::Unavailable(error.to_string())
        }
    }
}

pub(super) fn onward(url: &str, wants_json: bool) -> Response {
    if wants_json {
        let location = [(header::LOCATION, url.to_owned())];
        return (StatusCode::SEE_OTHER, location, axum::Json(json!({ "url": url }))).into_response();
    }
    Redirect::to(url).into_response()
}

/// The page that the order was placed from, to come back to after signing in; else the list of offers.
fn offers_page(app: &App, headers: &HeaderMap, language: Language) -> LocalPath {
    let referer = headers.get(header::REFERER).and_then(|value| value.to_str().ok());
    let ours = referer.and_then(|text| text.parse::<Uri>().ok()).filter(|uri| {
        uri.scheme_str() == Some("https")
            && uri.authority().is_some_and(|authority| app.hosts.names(authority.as_str()))
    });
    let path = ours.as_ref().map(Uri::path).filter(|path| !path.starts_with("/commande"));
    let offers = || LocalPath::parse(&app.site.load().texts.text(language, "path.offers", &[]));
    path.and_then(LocalPath::parse).or_else(offers).unwrap_or_else(LocalPath::offers)
}

/// `GET /commande/merci`: thanks; what is granted is told by the webhook, never by this page.
async fn thanks(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Response {
    let language = negotiation::language(&uri, &headers);
    let context = json!({ "kind": "commande" });
    render(&app, StatusCode::OK, language, "merci.commande.title", "gateway/merci.html", context)
}

/// `GET /commande/annulee`: nothing was paid.
async fn cancelled(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Response {
    let language = negotiation::language(&uri, &headers);
    let used = uri.query().is_some_and(|query| query.contains("code=epuise"));
    render(
        &app,
        StatusCode::OK,
        language,
        "commande_annulee.title",
        "gateway/commande_annulee.html",
        json!({ "code_used": used }),
    )
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::checkout;
    use crate::testing;

    /// Proves p-terms.
    #[tokio::test]
    async fn an_order_needs_a_session_an_offer_and_the_terms() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let account = testing::account(&app, "a@example.com").await;
        let stranger = testing::post(&app, "/commande", &HeaderMap::new(), "offre=rente&cgv=accepte").await;
        assert_eq!(stranger.status(), StatusCode::SEE_OTHER);
        assert_eq!(testing::location(&stranger), "/compte/connexion?suite=/commande");
        let cookie = stranger.headers()[header::SET_COOKIE].to_str().unwrap();
        assert!(cookie.starts_with("__Host-panier=rente.1; "), "{cookie}");
        let nothing = testing::post(&app, "/commande", &HeaderMap::new(), "offre=x&cgv=accepte").await;
        assert_eq!(testing::location(&nothing), "/compte/connexion?suite=/offres/");
        let someone = testing::signed_in(&app, &account).await;
        for form in [
            "offre=inconnue&cgv=accepte",
            "cgv=accepte",
            "offre=rente",
            "offre=rente&cgv=oui",
            "offre=rente&cgv=accepte&prix=1",
        ] {
            let refused = testing::post(&app, "/commande", &someone, form).await;
            assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{form}");
        }
        assert!(checkout::orders(&app).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn after_signing_in_one_is_back_at_our_own_page_only() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        for (referer, expected) in [
            ("https://localhost:8443/en/offers/annuities/", "/en/offers/annuities/"),
            ("https://evil.example/offres/ifc/", "/offres/"),
            ("https://localhost:8443//evil.example", "/offres/"),
            ("nonsense", "/offres/"),
        ] {
            let headers = HeaderMap::from_iter([(header::REFERER, http::HeaderValue::from_static(referer))]);
            assert_eq!(offers_page(&app, &headers, Language::Fr).as_str(), expected, "{referer}");
        }
    }

    #[tokio::test]
    async fn an_order_is_paid_on_the_test_page_by_the_same_signed_event_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let account = testing::account(&app, "a@example.com").await;
        let someone = testing::signed_in(&app, &account).await;
        let placed = testing::post(&app, "/commande", &someone, "offre=rente&cgv=accepte").await;
        assert_eq!(placed.status(), StatusCode::SEE_OTHER);
        let page = testing::location(&placed).strip_prefix("https://localhost:8443").unwrap().to_owned();
        assert!(page.starts_with("/paiement-test/cs_test_"), "{page}");
        let shown = testing::ask(&app, Method::GET, &page, &someone, axum::body::Body::empty()).await;
        assert_eq!(shown.status(), StatusCode::OK);
        assert!(!checkout::may(&app, &account.organisation, "rente").await.unwrap());
        let left = testing::post(&app, &page, &someone, "issue=annuler").await;
        assert_eq!(testing::location(&left), "/commande/annulee");
        for _ in 0..2 {
            let paid = testing::post(&app, &page, &someone, "issue=payer").await;
            assert_eq!(testing::location(&paid), "/commande/merci");
        }
        assert!(checkout::may(&app, &account.organisation, "rente").await.unwrap());
        let lines = checkout::lines(&app).await.unwrap();
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].account.as_str(), lines[0].state), ("a@example.com", OrderState::Paid));
        assert_eq!(checkout::plans(&app, &account.organisation).await.unwrap().len(), 1);
        let absent =
            testing::ask(&app, Method::GET, "/paiement-test/cs_test_0", &someone, axum::body::Body::empty())
                .await;
        assert_eq!(absent.status(), StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn a_processor_that_does_not_answer_means_503_and_a_failed_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut app = testing::app(folder.path(), jiff::SignedDuration::ZERO).await;
        let nowhere = crate::payments::Stripe::new(
            "sk_test_1",
            Some("http://127.0.0.1:1"),
            crate::payments::WebhookSecrets::new(&[]),
        );
        app.payments = Box::new(nowhere.unwrap());
        let app = std::sync::Arc::new(app);
        let account = testing::account(&app, "a@example.com").await;
        let someone = testing::signed_in(&app, &account).await;
        let refused = testing::post(&app, "/commande", &someone, "offre=rente&cgv=accepte").await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(checkout::orders(&app).await.unwrap()[0].state, OrderState::Failed);
    }
}
