//! What a calculation will use and cost, as programs and pages tell it before it is asked for.

use aops_manifest::Language;
use serde_json::{Value, json};

use crate::app::App;
use crate::checkout::{Charge, Quote};

/// For programs: `counts` is how many calculations it takes of the quota.
pub(super) fn told(quote: &Quote) -> Value {
    let counts = u32::from(matches!(quote.charge, Charge::Included | Charge::Billed(_)));
    let quota = quote.holding.map(|holding| {
        let left = holding.included.saturating_sub(holding.used);
        json!({
            "used": holding.used, "included": holding.included, "left": left,
            "left_after": if quote.charge == Charge::Included { holding.left_after() } else { left },
            "until": holding.until,
        })
    });
    let price = match quote.charge {
        Charge::Billed(Some(price)) => json!({ "cents": price.cents, "currency": price.currency() }),
        _ => Value::Null,
    };
    json!({
        "offer": quote.offer, "counts": counts, "quota": quota,
        "billed": matches!(quote.charge, Charge::Billed(_)), "price": price,
        "possible": quote.charge != Charge::Refused,
    })
}

/// For the page: the same, with the case by its word and the offer by its name.
pub(super) fn shown(app: &App, quote: &Quote, language: Language) -> Value {
    let mut shown = told(quote);
    let tag = match language {
        Language::Fr => "fr",
        Language::En => "en",
    };
    let offer = app.settings.offers.iter().find(|offer| Some(&offer.id) == quote.offer.as_ref());
    shown["offer_name"] = json!(offer.map(|offer| offer.name_in(tag)));
    shown["case"] = json!(match quote.charge {
        Charge::Uncounted => "free",
        Charge::Included => "included",
        Charge::Billed(Some(_)) => "billed",
        Charge::Billed(None) => "billed_unknown",
        Charge::Refused => "refused",
    });
    shown
}
