//! What the pages of this folder have alike: they say what was done, and what is at fault; they show their forms to whoever
//! may send them, and do what is asked in the name of whoever is signed in.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use crate::accounts::{self, Account, SignInNeeded};
use crate::app::App;
use crate::audit;
use crate::authorisation::{Action, Actor, Object, may};
use crate::web::posted::{Posted, fault_title};
use crate::web::{WebError, negotiation, render, render_titled};

/// The longest reason or reference that is typed, in characters.
const TYPED: usize = 1_000;

/// A page of the policy.
pub(super) struct Page {
    /// Where it is.
    pub(super) path: &'static str,
    /// The key of its title.
    pub(super) title: &'static str,
    /// What it is made of.
    pub(super) template: &'static str,
    /// What it may say that was done.
    pub(super) done: &'static [&'static str],
}

impl Page {
    /// `GET`: with what was done, where the address says so.
    pub(super) async fn answer(
        &self,
        app: &App,
        uri: &Uri,
        headers: &HeaderMap,
        context: Value,
    ) -> Result<Response, SignInNeeded> {
        let query = negotiation::query(uri)?;
        let mut context = context;
        context["done"] = json!(query.get("fait").filter(|done| self.done.contains(&done.as_str())));
        context["keeps"] = json!(self.keeps(app, headers).await?);
        let language = negotiation::language(uri, headers);
        Ok(render(app, StatusCode::OK, language, self.title, self.template, context))
    }

    /// 422, with why nothing was done: a code that the theme has words for.
    pub(super) fn refused(&self, app: &App, posted: &Posted, fault: &str, context: Value) -> Response {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        if posted.wants_json {
            return (status, axum::Json(json!({ "errors": { "form": fault } }))).into_response();
        }
        let mut context = context;
        context["fault"] = json!(fault);
        // Nobody else sends its forms.
        context["keeps"] = json!(true);
        let title = fault_title(app, posted.language, self.title);
        render_titled(app, status, posted.language, &title, self.template, context)
    }

    /// 303 to the page, which says what was done.
    pub(super) fn did(&self, posted: &Posted, what: &str) -> Response {
        posted.accepted(&format!("{}?fait={what}", self.path))
    }

    /// Does something as whoever is signed in: the audit log has their account.
    pub(super) async fn as_staff<T>(
        &self,
        app: &App,
        headers: &HeaderMap,
        work: impl Future<Output = T>,
    ) -> Result<T, SignInNeeded> {
        let session = accounts::require(app, headers, self.path).await?;
        Ok(audit::acting(audit::Actor::account(&session.account), work).await)
    }

    /// Whether whoever reads may do what the page's forms do; who may not is not shown them.
    async fn keeps(&self, app: &App, headers: &HeaderMap) -> Result<bool, SignInNeeded> {
        let session = accounts::require(app, headers, self.path).await?;
        let account = accounts::read(app, &session.organisation, &session.account).await?;
        let account: Account = account.ok_or(SignInNeeded::To(None))?;
        let elevated = accounts::duties(app, &account).await?.elevated(app.clock.now());
        let actor = Actor { elevated, ..account.actor() };
        Ok(may(&actor, Action::KeepPolicy, Object::House).settled().is_ok())
    }
}

/// What was typed in the one field of a form; none where it is empty or too long.
pub(super) fn typed(posted: &Posted, field: &str) -> Option<String> {
    let mut checker = posted.check(&[field]);
    let text = checker.long_text(field, 1..=TYPED);
    checker.finish().ok().map(|()| text)
}

/// A fault of a feature that is none of whoever asked.
pub(super) fn fault(error: impl std::fmt::Display) -> WebError {
    WebError::Internal(error.to_string())
}
