//! The letters about an audit: to the firm, to the client, and to the auditor with the link that opens their access.

use aops_manifest::Language;
use serde_json::json;

use super::request::Request;
use super::visit;
use crate::accounts::Account;
use crate::app::App;
use crate::outbox::{Mail, Purpose};
use crate::typed::in_order;

/// To the firm: a client asks.
pub(super) fn to_firm(app: &App, organisation: &str, client: &str, request: &Request) -> Mail {
    Mail {
        to: officer(app).to_owned(),
        reply_to: None,
        template: "audit_demande".into(),
        language: Language::Fr,
        purpose: Purpose::Staff,
        context: json!({
            "client": in_order(client),
            "first": request.first,
            "last": request.last,
            "auditor": in_order(&request.auditor.name),
            "firm": in_order(&request.auditor.firm),
            "scope": in_order(&request.scope),
            "reference": request.id,
        }),
        unsubscribe: None,
        subject: organisation.to_owned(),
    }
}

/// To the client: `received`, `accepted`, `refused` or `ended`.
pub(super) fn to_client(app: &App, account: &Account, request: &Request, state: &str, why: &str) -> Mail {
    Mail {
        to: account.email.clone(),
        reply_to: Some(officer(app).to_owned()),
        template: "audit_reponse".into(),
        language: account.language,
        purpose: Purpose::Contract,
        context: json!({
            "state": state,
            "first": request.first,
            "last": request.last,
            "auditor": in_order(&request.auditor.name),
            "firm": in_order(&request.auditor.firm),
            "why": in_order(why),
            "reference": request.id,
        }),
        unsubscribe: None,
        subject: account.organisation.clone(),
    }
}

/// To the auditor: when and where they may read.
pub(super) fn to_auditor(
    app: &App,
    organisation: &str,
    client: &str,
    request: &Request,
    language: Language,
) -> Mail {
    Mail {
        to: request.auditor.email.clone(),
        reply_to: Some(officer(app).to_owned()),
        template: "audit_acces".into(),
        language,
        purpose: Purpose::Contract,
        context: json!({
            "client": in_order(client),
            "first": request.first,
            "last": request.last,
            "link": visit::link(app, organisation, request, language),
            "reference": request.id,
        }),
        unsubscribe: None,
        subject: organisation.to_owned(),
    }
}

fn officer(app: &App) -> &str {
    app.settings.company.get("dpo_email").map_or(app.settings.mail.staff.as_str(), String::as_str)
}
