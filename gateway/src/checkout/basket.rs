//! What a form of an order says: which offer, how many seats, for whom, with which code; and what it comes to.
//!
//! The basket survives signing in by a cookie that names the offer and the seats, and nothing else (`p-basket-memory`).

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::billing::{self, Billing, Checked};
use crate::app::App;
use crate::config::Offer;
use crate::payments::{Basket, PaymentsError};
use crate::records::RecordError;
use crate::tax::{self, Tax, VatNumber};
use crate::web::cookies;
use crate::web::posted::Posted;

/// The fields of an order. The first two are enough.
pub(super) const FIELDS: [&str; 9] =
    ["offre", "cgv", "sieges", "code_promo", "pays", "tva", "qualite", "retractation", "action"];
/// The cookie of a basket.
const COOKIE: &str = "__Host-panier";
const COOKIE_SECONDS: u32 = 24 * 3_600;
/// The most that an order may come to: a mistyped number of seats goes no further.
const MOST_CENTS: i64 = 100_000_000;

/// What is ordered.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) offer: &'a Offer,
    pub(super) seats: u32,
    pub(super) consumer: bool,
    pub(super) billing: Billing,
    /// Whether the form said where the buyer is established.
    pub(super) said: bool,
    code: Option<String>,
}

impl std::fmt::Debug for Billing {
    /// Without the number.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Billing({})", self.country)
    }
}

/// Reads a form; what is wrong with it is told by field.
///
/// # Errors
/// By field, the code of its message; or the store.
pub(super) async fn read<'a>(
    app: &'a App,
    posted: &Posted,
    organisation: &str,
    order: &str,
) -> Result<Result<Wanted<'a>, BTreeMap<String, String>>, RecordError> {
    let known = billing::of(app, organisation).await?;
    let mut checker = posted.check(&FIELDS);
    let typed = |name: &str| posted.fields.get(name).map_or("", |value| value.trim());
    let offer = app.settings.offers.iter().find(|offer| offer.id == typed("offre"));
    if offer.is_none() {
        checker.fault("offre", if typed("offre").is_empty() { "required" } else { "offer" });
    }
    let ordering = typed("action") != "recapituler";
    if ordering && typed("cgv") != "accepte" {
        checker.fault("cgv", "cgv");
    }
    let consumer = typed("qualite") == "consommateur";
    // The service begins at once: a consumer asks for that and knows what it does to their right (Code de la
    // consommation, art. L. 221-25).
    if ordering && consumer && typed("retractation") != "accepte" {
        checker.fault("retractation", "withdrawal");
    }
    let most = offer.map_or(1, Offer::most_seats);
    let seats = match typed("sieges") {
        "" => Some(1),
        text => text.parse::<u32>().ok().filter(|seats| (1..=most).contains(seats)),
    };
    if seats.is_none() {
        checker.fault("sieges", "seats");
    }
    let said = !typed("pays").is_empty() || !typed("tva").is_empty();
    let mut billing = known;
    if said {
        let country = Some(typed("pays")).filter(|country| !country.is_empty()).unwrap_or("FR");
        if country.len() != 2 || !country.bytes().all(|letter| letter.is_ascii_uppercase()) {
            checker.fault("pays", "country");
        }
        country.clone_into(&mut billing.country);
        billing.number = None;
        match typed("tva") {
            "" => {}
            text => match VatNumber::parse(text) {
                Ok(number) if number.country() == country => {
                    let by = "form and check digits".to_owned();
                    let (at, order) = (app.clock.now(), order.to_owned());
                    billing.number = Some(Checked { number, by, at, order });
                }
                Ok(_) => checker.fault("tva", "vat_country"),
                Err(_) => checker.fault("tva", "vat"),
            },
        }
    }
    let code = Some(typed("code_promo").to_owned()).filter(|code| !code.is_empty());
    if code.as_ref().is_some_and(|code| code.len() > 60 || !code.bytes().all(|c| c.is_ascii_graphic())) {
        checker.fault("code_promo", "promotion");
    }
    if let (Some(offer), Some(seats)) = (offer, seats)
        && i64::from(offer.price_cents) * i64::from(seats) > MOST_CENTS
    {
        checker.fault("sieges", "seats");
    }
    Ok(match (checker.finish(), offer, seats) {
        (Ok(()), Some(offer), Some(seats)) => Ok(Wanted { offer, seats, consumer, billing, said, code }),
        (Err(errors), ..) => Err(errors),
        _ => Err(BTreeMap::from([("offre".to_owned(), "offer".to_owned())])),
    })
}

impl Wanted<'_> {
    /// What it comes to, with the code that was typed; none when the code may not be used.
    ///
    /// # Errors
    /// [`PaymentsError`] when the processor cannot tell.
    pub(super) async fn summed(
        &self,
        app: &App,
        mut basket: Basket,
    ) -> Result<Option<Basket>, PaymentsError> {
        if let Some(code) = &self.code {
            basket.promotion = app.payments.promotion(code).await?;
            if basket.promotion.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(basket))
    }

    /// What the sale is, for VAT.
    pub(super) fn tax(&self, app: &App) -> Tax {
        let buyer = tax::Buyer {
            country: &self.billing.country,
            has_number: self.billing.number.is_some(),
            consumer: self.consumer,
        };
        Tax::of(app.settings.tax.as_ref(), &buyer)
    }
}

/// What a basket comes to, as the form shows it.
pub(super) fn told(basket: &Basket) -> Value {
    let treatment = match basket.tax {
        Tax::Untold => "untold",
        Tax::At(_) => "taxed",
        Tax::ReverseCharge => "reverse_charge",
        Tax::OutOfScope => "out_of_scope",
        Tax::ByStripe => "by_stripe",
    };
    json!({
        "gross_cents": basket.gross_cents(),
        "rebate_cents": basket.rebate_cents(),
        "code": basket.promotion.as_ref().map(|promotion| promotion.code.clone()),
        "net_cents": basket.net_cents(),
        "tax_cents": basket.tax_cents(),
        "total_cents": basket.total_cents(),
        "treatment": treatment,
        "seats": basket.quantity,
    })
}

/// The cookie that keeps an offer and its seats while somebody signs in.
pub(super) fn kept(posted: &Posted) -> Option<HeaderValue> {
    let offer = posted.fields.get("offre")?.trim();
    let seats = posted.fields.get("sieges").and_then(|seats| seats.trim().parse::<u32>().ok()).unwrap_or(1);
    let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    if offer.is_empty() || offer.len() > 60 || !offer.bytes().all(plain) {
        return None;
    }
    let text =
        format!("{COOKIE}={offer}.{seats}; Path=/; Max-Age={COOKIE_SECONDS}; Secure; HttpOnly; SameSite=Lax");
    HeaderValue::from_str(&text).ok()
}

/// The cookie's end.
pub(super) fn emptied() -> HeaderValue {
    HeaderValue::from_static("__Host-panier=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax")
}

/// What the cookie of a request keeps, if it is an offer that is sold.
pub(super) fn remembered<'a>(app: &'a App, headers: &HeaderMap) -> Option<(&'a Offer, u32)> {
    let (id, seats) = cookies::sole(headers, COOKIE)?.rsplit_once('.')?;
    let offer = app.settings.offers.iter().find(|offer| offer.id == id)?;
    Some((offer, seats.parse().ok().filter(|seats| (1..=offer.most_seats()).contains(seats)).unwrap_or(1)))
}
