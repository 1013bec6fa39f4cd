//! `GET /espace-client/factures`: invoices and credit notes, and their PDF.

use aops_report::{Paper, PaperRow};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde_json::{Value, json};
use url::Url;

use crate::accounts::SignInNeeded;
use crate::app::{App, SharedApp};
use crate::checkout::invoices::{self, Filed};
use crate::payments::InvoiceState;
use crate::tax::Tax;
use crate::texts::Texts;
use crate::web::{WebError, negotiation, render};

const PATH: &str = "/espace-client/factures";

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PATH, get(list)).route("/espace-client/factures/{id}/pdf", get(pdf))
}

async fn list(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let client = super::of(&app, &headers, PATH).await?;
    let filed = invoices::of(&app, &client.organisation).await.map_err(WebError::from)?;
    let line = |one: &Filed| {
        json!({
            "id": one.id, "number": one.number, "issued": one.issued, "state": one.state,
            "total_cents": one.total_cents, "credit": one.corrects.is_some(), "corrects": one.corrects,
        })
    };
    let context = json!({ "invoices": filed.iter().map(line).collect::<Vec<Value>>() });
    let language = negotiation::language(&uri, &headers);
    Ok(render(&app, StatusCode::OK, language, "factures.title", "gateway/factures.html", context))
}

/// `GET …/{id}/pdf`: the processor's own where there is one, else ours.
async fn pdf(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, SignInNeeded> {
    let client = super::of(&app, &headers, PATH).await?;
    let filed = invoices::of(&app, &client.organisation).await.map_err(WebError::from)?;
    let one = filed.into_iter().find(|one| one.id == id).ok_or(WebError::NotFound)?;
    if let Some(url) = &one.pdf {
        // It is told by the processor, and leads a client away from us: to a page over TLS, or nowhere.
        let safe = Url::parse(url).is_ok_and(|url| url.scheme() == "https" && url.has_host());
        return match safe {
            true => Ok(Redirect::to(url).into_response()),
            false => Err(WebError::NotFound.into()),
        };
    }
    let paper = paper(&app, &one);
    let name = format!("attachment; filename=\"{}.pdf\"", file_name(&one.number));
    let bytes = tokio::task::spawn_blocking(move || aops_report::pdf(&paper)).await;
    let bytes = bytes.map_err(|error| WebError::Internal(error.to_string()))?;
    let bytes = bytes.map_err(|error| WebError::Internal(error.to_string()))?;
    let disposition = HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment"));
    let fields = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/pdf")),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((fields, bytes).into_response())
}

fn file_name(number: &str) -> String {
    number.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect()
}

/// An invoice as it is set: the particulars that CGI annexe II art. 242 nonies A asks for, in French, the language of
/// the accounts.
fn paper(app: &App, one: &Filed) -> Paper {
    let site = app.site.load();
    let words = Words(&site.texts);
    let company = |name: &str| one.seller.get(name).cloned().unwrap_or_default();
    let kind = if one.corrects.is_some() { "invoice.credit_title" } else { "invoice.title" };
    let day = words.day(one.issued);
    let mut facts = vec![
        (words.text("invoice.number"), one.number.clone()),
        (words.text("invoice.issued"), day.clone()),
        // Services of a period are supplied when it begins, which is when they are invoiced.
        (words.text("invoice.supplied"), day),
    ];
    if let Some(corrects) = &one.corrects {
        facts.push((words.text("invoice.corrects"), corrects.clone()));
    }
    if let Some(order) = &one.order {
        facts.push((words.text("invoice.order"), order.clone()));
    }
    let mut seller =
        vec![company("name"), company("street"), format!("{} {}", company("postcode"), company("city"))];
    seller.push(company("rcs"));
    seller.extend(one.seller_number.iter().map(|number| words.with("invoice.vat_number", number)));
    let mut buyer = vec![one.buyer.name.clone()];
    buyer.extend(one.buyer.address.lines().map(str::to_owned));
    buyer.push(one.buyer.country.clone());
    buyer.extend(one.buyer.number.iter().map(|number| words.with("invoice.vat_number", number)));
    let rate = match one.tax {
        Tax::At(basis_points) => words.percent(basis_points),
        _ => "–".to_owned(),
    };
    let row = |line: &crate::payments::InvoiceLine| PaperRow {
        text: line.text.clone(),
        cells: vec![line.quantity.to_string(), rate.clone(), words.money(line.net_cents)],
    };
    let mut totals = vec![(words.text("invoice.net"), words.money(one.net_cents))];
    if one.tax != Tax::Untold || one.tax_cents != 0 {
        totals.push((words.with("invoice.tax", &rate), words.money(one.tax_cents)));
    }
    totals.push((words.text("invoice.total"), words.money(one.total_cents)));
    let mut foot: Vec<String> = one.tax.mention().map(|key| words.text(key)).into_iter().collect();
    foot.push(words.text(match (one.state, one.corrects.is_some()) {
        (_, true) => "invoice.credited",
        (InvoiceState::Paid, _) => "invoice.paid",
        _ => "invoice.due",
    }));
    // Code de commerce, art. L. 441-9 and D. 441-5: owed between businesses whatever is agreed.
    foot.push(words.text("invoice.late"));
    Paper {
        title: format!("{} {}", words.text(kind), one.number),
        heading: words.text(kind),
        language: "fr".into(),
        author: company("name"),
        issued: one.issued.to_zoned_datetime(jiff::tz::TimeZone::UTC).date(),
        seller,
        buyer,
        facts,
        columns: ["invoice.what", "invoice.quantity", "invoice.rate", "invoice.amount"]
            .map(|key| words.text(key))
            .to_vec(),
        rows: one.lines.iter().map(row).collect(),
        totals,
        foot,
    }
}

/// The theme's French.
struct Words<'a>(&'a Texts);

impl Words<'_> {
    fn text(&self, key: &str) -> String {
        self.0.text(aops_manifest::Language::Fr, key, &[])
    }

    fn with(&self, key: &str, value: &str) -> String {
        self.0.text(aops_manifest::Language::Fr, key, &[("value", value)])
    }

    fn money(&self, cents: i64) -> String {
        crate::texts::money(cents, aops_manifest::Language::Fr)
    }

    fn percent(&self, basis_points: u32) -> String {
        let (whole, part) = (basis_points / 100, basis_points % 100);
        let decimals = if part == 0 { String::new() } else { format!(",{part:02}") };
        format!("{whole}{decimals}\u{a0}%")
    }

    fn day(&self, at: jiff::Timestamp) -> String {
        self.0.day(aops_manifest::Language::Fr, at.to_zoned_datetime(jiff::tz::TimeZone::UTC).date())
    }
}
