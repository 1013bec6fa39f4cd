//! The letters of the desk: to whoever asks, to the officer, and to a client whose data a request is about.

use aops_manifest::Language;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::due::due;
use super::request::Request;
use crate::app::App;
use crate::outbox::{Mail, Purpose};
use crate::typed::in_order;

/// Where one complains of an answer.
const CNIL: &str = "https://www.cnil.fr/fr/plaintes";

/// The link that proves whose an address is.
pub(super) fn confirmation(id: &str, request: &Request, link: &str) -> Mail {
    to_asker(id, request, "droits_confirmation", json!({ "right": request.right.word(), "link": link }))
}

/// What becomes of a request: `received`, `fulfilled`, `copy`, `extended`, `refused` or `forwarded`.
pub(super) fn answer(id: &str, request: &Request, state: &str, why: &str, link: Option<&str>) -> Mail {
    let context = json!({
        "state": state,
        "right": request.right.word(),
        "reference": id,
        "due": due(request).to_string(),
        "why": in_order(why),
        "link": link.unwrap_or_default(),
        "cnil": CNIL,
    });
    to_asker(id, request, "droits_reponse", context)
}

/// To the officer: `new`, `reminder` or `late`.
pub(super) fn officer(app: &App, id: &str, request: &Request, state: &str) -> Mail {
    let context = json!({
        "state": state,
        "right": request.right.word(),
        "reference": id,
        "email": request.email,
        "client": request.client.as_deref().map(in_order).unwrap_or_default(),
        "due": due(request).to_string(),
        "said": in_order(&request.said),
    });
    Mail {
        to: officer_address(app).to_owned(),
        reply_to: Some(request.email.clone()),
        template: "droits_delegue".into(),
        language: Language::Fr,
        purpose: Purpose::Staff,
        context,
        unsubscribe: None,
        subject: id.to_owned(),
    }
}

/// To a client, at once: somebody asks about data that it put into our hands.
pub(super) fn client(app: &App, id: &str, request: &Request, to: &str, at: Timestamp, price: Option<u32>) -> Mail {
    let context = json!({
        "right": request.right.word(),
        "reference": id,
        "email": request.email,
        "received": request.created.to_string(),
        "forwarded": at.to_string(),
        "due": due(request).to_string(),
        "said": in_order(&request.said),
        "price_cents": price,
    });
    Mail {
        to: to.to_owned(),
        reply_to: Some(officer_address(app).to_owned()),
        template: "droits_client".into(),
        language: request.language,
        purpose: Purpose::Contract,
        context,
        unsubscribe: None,
        subject: id.to_owned(),
    }
}

/// The officer's address; the firm's own where there is none.
pub(super) fn officer_address(app: &App) -> &str {
    app.settings.company.get("dpo_email").map_or(app.settings.mail.staff.as_str(), String::as_str)
}

fn to_asker(id: &str, request: &Request, template: &str, context: Value) -> Mail {
    Mail {
        to: request.email.clone(),
        reply_to: None,
        template: template.into(),
        language: request.language,
        // What a right asks for passes every list of addresses that are not written to.
        purpose: Purpose::Security,
        context,
        unsubscribe: None,
        subject: id.to_owned(),
    }
}
