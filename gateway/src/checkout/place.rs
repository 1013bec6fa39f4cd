//! Placing an order: the order first, then its payment page, then the way there; and where one comes back.

use aops_manifest::Language;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, Uri, header};
use serde_json::json;

use crate::accounts::{self, LocalPath, random};
use crate::app::{App, SharedApp};
use crate::checkout::{ORDERS, Opening, Order, OrderState, SESSIONS, opening_address};
use crate::payments::{Basket, PaymentsError};
use crate::records;
use crate::store::{Batch, Expect};
use crate::web::posted::Posted;
use crate::web::{WebError, negotiation, render};

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/commande", post(place))
        .route("/commande/merci", get(thanks))
        .route("/commande/annulee", get(cancelled))
}

/// `POST /commande`: 303 to the payment page.
async fn place(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, WebError> {
    let back = offers_page(&app, &headers, posted.language);
    let session = match accounts::require(&app, &headers, back.as_str()).await {
        Ok(session) => session,
        Err(needed) => return Ok(needed.into_response()),
    };
    let mut checker = posted.check(&["offre", "cgv"]);
    let wanted = posted.fields.get("offre").map_or("", |id| id.trim());
    let offer = app.settings.offers.iter().find(|offer| offer.id == wanted);
    if offer.is_none() {
        checker.fault("offre", if wanted.is_empty() { "required" } else { "offer" });
    }
    if posted.fields.get("cgv").map(String::as_str) != Some("accepte") {
        checker.fault("cgv", "cgv");
    }
    let offer = match (checker.finish(), offer) {
        (Ok(()), Some(offer)) => offer,
        (Err(errors), _) => return Ok(posted.refused(&app, "commande", "/commande", &errors)),
        (Ok(()), None) => return Err(WebError::Internal("an unknown offer passed".into())),
    };
    let Some(account) = accounts::read(&app, &session.organisation, &session.account).await? else {
        return Ok(accounts::SignInNeeded::To(Some(back)).into_response());
    };
    let id = format!("ord_{}", random::base62(20)?);
    let order = Order::new(id, &account, offer, posted.language, app.clock.now());
    record(&app, &order, Expect::Absent).await?;
    let name = offer.name.get(posted.language.tag()).or_else(|| offer.name.values().next());
    let base = &app.settings.base_url;
    let lang = if posted.language == Language::En { "?lang=en" } else { "" };
    let basket = Basket {
        order: order.id.clone(),
        name: name.cloned().unwrap_or_else(|| offer.id.clone()),
        amount_cents: order.amount_cents,
        currency: order.currency.clone(),
        email: account.email.clone(),
        language: posted.language,
        success_url: format!("{base}/commande/merci{lang}"),
        cancel_url: format!("{base}/commande/annulee{lang}"),
    };
    match app.payments.open(&basket).await {
        Ok(opened) => {
            tie(&app, order, &opened.session).await?;
            Ok(onward(&opened.url, posted.wants_json))
        }
        Err(error) => {
            give_up(&app, order).await?;
            Err(refusal(error))
        }
    }
}

/// The page's id leads to the order before the buyer can pay: its events always find it.
async fn tie(app: &App, order: Order, session: &str) -> Result<(), WebError> {
    let opening = Opening { organisation: order.organisation.clone(), order: order.id.clone() };
    let address = opening_address(session);
    let mut batch = Batch::new(&address.partition);
    records::put_plain(&mut batch, SESSIONS, &address.key, Expect::Anything, &opening, None)?;
    app.store.commit(batch).await?;
    let order = Order { session: Some(session.to_owned()), updated: app.clock.now(), ..order };
    record(app, &order, Expect::Version(1)).await
}

async fn give_up(app: &App, order: Order) -> Result<(), WebError> {
    let order = Order { state: OrderState::Failed, updated: app.clock.now(), ..order };
    record(app, &order, Expect::Version(1)).await
}

async fn record(app: &App, order: &Order, expect: Expect) -> Result<(), WebError> {
    let mut batch = Batch::new(&order.organisation);
    records::put_plain(&mut batch, ORDERS, &order.id, expect, order, super::retained::expiry(app, order))?;
    Ok(app.store.commit(batch).await?)
}

fn refusal(error: PaymentsError) -> WebError {
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

fn onward(url: &str, wants_json: bool) -> Response {
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
    render(
        &app,
        StatusCode::OK,
        language,
        "commande_annulee.title",
        "gateway/commande_annulee.html",
        json!({}),
    )
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::checkout;
    use crate::testing;

    #[tokio::test]
    async fn an_order_needs_a_session_an_offer_and_the_terms() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let account = testing::account(&app, "a@example.com").await;
        let stranger = testing::post(&app, "/commande", &HeaderMap::new(), "offre=rente&cgv=accepte").await;
        assert_eq!(stranger.status(), StatusCode::SEE_OTHER);
        assert_eq!(testing::location(&stranger), "/compte/connexion?suite=/offres/");
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
