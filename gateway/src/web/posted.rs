//! A posted form: where it may come from, how large it may be, and how its fields are read and answered.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

use aops_manifest::Language;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode, Uri, header};
use serde_json::{Map, Value, json};

use crate::app::{App, SharedApp};
use crate::edge::timed::BodyTooSlow;
use crate::email::Email;
use crate::web::error::WebError;
use crate::web::{Peer, negotiation, render, render_titled};

/// The most a form may weigh, in bytes.
pub const FORM_LIMIT: usize = 64 * 1024;
/// The longest path that is noted as the page of a form, in bytes.
const PAGE_LIMIT: usize = 200;

/// The fields of a form posted from one of our own pages (or by a program, as JSON strings).
#[derive(Debug, Clone)]
pub struct Posted {
    /// By name, as typed.
    pub fields: BTreeMap<String, String>,
    /// The language of the page that the form stands on.
    pub language: Language,
    /// Whether the client would rather read JSON.
    pub wants_json: bool,
    /// The path of the page that the form stands on, where the browser tells it.
    pub page: Option<String>,
    /// Who posts, as far as addresses tell.
    pub peer: IpAddr,
}

impl FromRequest<SharedApp> for Posted {
    type Rejection = WebError;

    async fn from_request(request: Request, app: &SharedApp) -> Result<Self, WebError> {
        let (parts, body) = request.into_parts();
        same_site(&parts.headers, app)?;
        let peer = parts.extensions.get::<Peer>().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0);
        let fields = read_fields(&parts.headers, body).await?;
        Ok(Self {
            fields,
            language: negotiation::language(&parts.uri, &parts.headers),
            wants_json: negotiation::wants_json(&parts.headers),
            page: page(&parts.headers, app),
            peer,
        })
    }
}

impl Posted {
    /// Begins to read the fields; any field that is not `known` is an error of its own.
    pub fn check(&self, known: &[&str]) -> Checker<'_> {
        let unknown = self.fields.keys().filter(|name| !known.contains(&name.as_str()));
        Checker {
            fields: &self.fields,
            errors: unknown.map(|name| (name.clone(), "unknown_field".into())).collect(),
        }
    }

    /// 422 with what was typed and what is wrong with it; passwords are never sent back.
    pub fn refused(
        &self,
        app: &App,
        form: &str,
        action: &str,
        errors: &BTreeMap<String, String>,
    ) -> Response {
        self.refused_with(app, StatusCode::UNPROCESSABLE_ENTITY, form, action, errors)
    }

    /// As [`Posted::refused`], with another status.
    pub fn refused_with(
        &self,
        app: &App,
        status: StatusCode,
        form: &str,
        action: &str,
        errors: &BTreeMap<String, String>,
    ) -> Response {
        if self.wants_json {
            return (status, axum::Json(json!({ "errors": errors }))).into_response();
        }
        let told = Map::from_iter([("errors".into(), json!(errors))]);
        self.again(app, status, form, action, "again.fault", told)
    }

    /// As [`Posted::refused`], with more to tell beside the faults.
    pub fn refused_telling(
        &self,
        app: &App,
        form: &str,
        action: &str,
        errors: &BTreeMap<String, String>,
        more: &BTreeMap<&str, String>,
    ) -> Response {
        let mut told = Map::from_iter([("errors".to_owned(), json!(errors))]);
        told.extend(more.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        if self.wants_json {
            return (status, axum::Json(Value::Object(told))).into_response();
        }
        self.again(app, status, form, action, "again.fault", told)
    }

    /// 422 with what was typed, which is right, and a button that sends it again with this token.
    pub fn to_confirm(&self, app: &App, form: &str, action: &str, token: &str) -> Response {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        if self.wants_json {
            let told = json!({ "errors": { "confirmation": "confirm" }, "confirmation": token });
            return (status, axum::Json(told)).into_response();
        }
        let told = Map::from_iter([("errors".into(), json!({})), ("confirmation".into(), json!(token))]);
        self.again(app, status, form, action, "again.confirm", told)
    }

    /// The form with what was typed, but passwords, under a title that begins by what is the matter.
    fn again(
        &self,
        app: &App,
        status: StatusCode,
        form: &str,
        action: &str,
        title_key: &str,
        told: Map<String, Value>,
    ) -> Response {
        let mut values = self.fields.clone();
        values.retain(|name, _| !name.starts_with("mot_de_passe"));
        let mut shown = told;
        shown.insert("values".into(), json!(values));
        shown.insert("action".into(), json!(action));
        let title = title_of(app, self.language, title_key, &format!("form.{form}.title"));
        let context = json!({ "form_name": form, "form": shown });
        render_titled(app, status, self.language, &title, "gateway/form.html", context)
    }

    /// 303 to a page of ours, or 202 for a program.
    pub fn accepted(&self, to: &str) -> Response {
        if self.wants_json {
            return (StatusCode::ACCEPTED, axum::Json(json!({}))).into_response();
        }
        let mark = if to.contains('?') { '&' } else { '?' };
        match self.language {
            Language::En => Redirect::to(&format!("{to}{mark}lang=en")).into_response(),
            Language::Fr => Redirect::to(to).into_response(),
        }
    }
}

/// Reads fields one by one and gathers what is wrong with all of them.
#[derive(Debug)]
pub struct Checker<'a> {
    fields: &'a BTreeMap<String, String>,
    errors: BTreeMap<String, String>,
}

impl Checker<'_> {
    /// A required text of so many characters, trimmed, on one line.
    pub fn text(&mut self, name: &str, length: RangeInclusive<usize>) -> String {
        self.required(name, length, false)
    }

    /// A required text of so many characters, trimmed, on several lines.
    pub fn long_text(&mut self, name: &str, length: RangeInclusive<usize>) -> String {
        self.required(name, length, true)
    }

    /// A text that may be left out.
    pub fn optional_text(&mut self, name: &str, length: RangeInclusive<usize>) -> Option<String> {
        let typed = self.fields.get(name).map_or("", |value| value.trim());
        if typed.is_empty() {
            return None;
        }
        Some(self.required(name, length, false))
    }

    /// A required e-mail address.
    pub fn email(&mut self, name: &str) -> Option<Email> {
        let typed = self.required(name, 1..=254, false);
        if self.errors.contains_key(name) {
            return None;
        }
        let email = Email::parse(&typed).ok();
        if email.is_none() {
            self.fault(name, "email");
        }
        email
    }

    /// A telephone number that may be left out: digits, spaces and the usual marks.
    pub fn optional_phone(&mut self, name: &str) -> Option<String> {
        let phone = self.optional_text(name, 4..=30)?;
        let plausible = phone.chars().all(|c| c.is_ascii_digit() || " +-./()\u{a0}\u{202f}".contains(c));
        if !plausible {
            self.fault(name, "phone");
        }
        Some(phone)
    }

    /// Notes that a field is wrong, by the code of its message; the first fault of a field stands.
    pub fn fault(&mut self, name: &str, code: &str) {
        self.errors.entry(name.to_owned()).or_insert_with(|| code.to_owned());
    }

    /// The end of reading.
    ///
    /// # Errors
    /// By field, the code of its message.
    pub fn finish(self) -> Result<(), BTreeMap<String, String>> {
        if self.errors.is_empty() { Ok(()) } else { Err(self.errors) }
    }

    fn required(&mut self, name: &str, length: RangeInclusive<usize>, lines: bool) -> String {
        let value = self.fields.get(name).map_or("", |value| value.trim()).replace("\r\n", "\n");
        let count = value.chars().count();
        let forbidden = |c: char| c.is_control() && !(lines && (c == '\n' || c == '\t'));
        if count == 0 {
            self.fault(name, "required");
        } else if count > *length.end() {
            self.fault(name, "too_long");
        } else if count < *length.start() {
            self.fault(name, "too_short");
        } else if value.chars().any(forbidden) {
            self.fault(name, "characters");
        }
        value
    }
}

/// `GET` of a form that a page of its own shows, with what is known beforehand.
pub fn blank(
    app: &App,
    language: Language,
    form: &str,
    action: &str,
    values: &BTreeMap<&str, &str>,
) -> Response {
    let context = json!({ "form_name": form, "form": { "values": values, "errors": {}, "action": action } });
    render(app, StatusCode::OK, language, &format!("form.{form}.title"), "gateway/form.html", context)
}

/// `GET` of the page to which [`Posted::accepted`] leads.
pub fn thanks(app: &App, kind: &str, uri: &Uri, headers: &HeaderMap) -> Response {
    let language = negotiation::language(uri, headers);
    let (title, context) = (format!("merci.{kind}.title"), json!({ "kind": kind }));
    render(app, StatusCode::OK, language, &title, "gateway/merci.html", context)
}

/// The title of a page that shows a form again because something is wrong: it begins by saying so (WCAG G199).
pub fn fault_title(app: &App, language: Language, title_key: &str) -> String {
    title_of(app, language, "again.fault", title_key)
}

fn title_of(app: &App, language: Language, matter_key: &str, title_key: &str) -> String {
    let texts = &app.site.load().texts;
    let title = texts.text(language, title_key, &[]);
    texts.text(language, matter_key, &[("title", &title)])
}

/// Refuses what another site made the browser send (Fetch Metadata, `Origin` where it is not spoken, and `Referer` in
/// browsers that know neither). What tells none of them is no page: a program, which carries no cookie that it was not given.
///
/// # Errors
/// [`WebError::Forbidden`] when the request comes from another origin.
pub fn same_site(headers: &HeaderMap, app: &App) -> Result<(), WebError> {
    if let Some(site) = headers.get("sec-fetch-site")
        && site != "same-origin"
        && site != "none"
    {
        return Err(WebError::Forbidden("the form was posted from another site"));
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return from_ours(headers, app);
    };
    let origin = origin.to_str().unwrap_or_default();
    let host = origin.strip_prefix("https://").unwrap_or_default();
    if app.hosts.names(host) {
        Ok(())
    } else {
        Err(WebError::Forbidden("the form was posted from another origin"))
    }
}

fn from_ours(headers: &HeaderMap, app: &App) -> Result<(), WebError> {
    let Some(from) = headers.get(header::REFERER) else { return Ok(()) };
    let from = from.to_str().ok().and_then(|from| from.parse::<Uri>().ok());
    let ours = from.as_ref().and_then(Uri::authority).is_some_and(|host| app.hosts.names(host.as_str()));
    if ours && from.is_some_and(|from| from.scheme_str() == Some("https")) {
        Ok(())
    } else {
        Err(WebError::Forbidden("the form was posted from a page of another site"))
    }
}

/// The path of the page that a request comes from, when it is one of ours; never its query.
fn page(headers: &HeaderMap, app: &App) -> Option<String> {
    let from: Uri = headers.get(header::REFERER)?.to_str().ok()?.parse().ok()?;
    let ours = app.hosts.names(from.authority()?.as_str());
    (ours && from.path().len() <= PAGE_LIMIT).then(|| from.path().to_owned())
}

async fn read_fields(headers: &HeaderMap, body: Body) -> Result<BTreeMap<String, String>, WebError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = match kind.as_str() {
        "application/x-www-form-urlencoded" => false,
        "application/json" => true,
        _ => return Err(WebError::Unsupported),
    };
    let bytes = read_body(body, FORM_LIMIT).await?;
    if json {
        return serde_json::from_slice(&bytes)
            .map_err(|_| WebError::BadRequest("not a JSON object of strings"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| WebError::BadRequest("the form is not UTF-8"))?;
    let mut fields = BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if fields.insert(decode(name)?, decode(value)?).is_some() {
            return Err(WebError::BadRequest("a field stands twice"));
        }
    }
    Ok(fields)
}

/// The whole body, if it is no larger than `limit` bytes.
///
/// # Errors
/// [`WebError::TooLarge`] past the limit, [`WebError::TooSlow`] when it does not keep the pace,
/// [`WebError::BadRequest`] when it ends early.
pub async fn read_body(body: Body, limit: usize) -> Result<bytes::Bytes, WebError> {
    use http_body_util::{BodyExt, LengthLimitError, Limited};
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => Err(WebError::TooLarge),
        Err(error) => Err(body_fault(error.as_ref())),
    }
}

/// What became of a body that did not come to its end.
pub fn body_fault(error: &(dyn std::error::Error + 'static)) -> WebError {
    if too_slow(error) {
        return WebError::TooSlow;
    }
    WebError::BadRequest("the body could not be read to its end")
}

fn too_slow(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<BodyTooSlow>() || error.source().is_some_and(too_slow)
}

fn decode(text: &str) -> Result<String, WebError> {
    let malformed = || WebError::BadRequest("the form is not well encoded");
    let bytes = text.as_bytes();
    let whole = |(at, _): (usize, _)| {
        bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.match_indices('%').all(whole) {
        return Err(malformed());
    }
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8().map(Into::into).map_err(|_| malformed())
}
