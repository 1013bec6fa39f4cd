//! What stands before every handler: who asks, whether they may, and for how long they proved who they are.

use axum::body::Body;
use axum::extract::{MatchedPath, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{Method, Request, StatusCode, header, request};

use super::routes::{self, Class, Row};
use super::{Action, Actor, Object, may};
use crate::accounts::{self, LocalPath, Session, SignInNeeded, api_keys, sessions};
use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::records::{self, Use};
use crate::web::WebError;

/// Lets a request pass to its handler, or answers it.
pub async fn guard(State(app): State<SharedApp>, request: Request<Body>, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let path = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let Some(row) = routes::row(&parts.method, path) else { return without_row(&parts.method, path) };
    // Whoever asks signs in for themselves, whatever they go on to read.
    match records::reading_for(Use::TheirWish, passes(&app, &mut parts, row)).await {
        Ok(()) => {
            let asked = next.run(Request::from_parts(parts, body));
            records::reading_for(row.class.reads_for(), asked).await
        }
        Err(refused) => refused.into_response(),
    }
}

/// What is not in the table is not there: neither a method, nor a path that somebody forgot to enter.
fn without_row(method: &Method, path: &str) -> Response {
    let allowed = routes::methods(path);
    if allowed.is_empty() {
        let why = format!("the route {method} {path} has no row in authorisation/routes.rs");
        return WebError::Internal(why).into_response();
    }
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, allowed.join(", "))]).into_response()
}

async fn passes(app: &App, parts: &mut request::Parts, row: &Row) -> Result<(), SignInNeeded> {
    match row.class {
        Class::Open | Class::Link | Class::Signed => Ok(()),
        Class::Own => of_person(app, parts, row, Action::OwnAccount).await,
        Class::Role(action) => of_person(app, parts, row, action).await,
        Class::Asks(action) => match sessions::current(app, &parts.headers).await? {
            Some(session) => allowed(app, &session, action).await,
            None => Ok(()),
        },
        Class::Staff(action) => of_staff(app, parts, row, action).await,
        Class::Api(action) => of_program(app, parts, action).await,
    }
}

async fn of_person(app: &App, parts: &request::Parts, row: &Row, action: Action) -> Result<(), SignInNeeded> {
    let session = accounts::require(app, &parts.headers, wanted(parts, row)).await?;
    allowed(app, &session, action).await?;
    match !row.asks_for_proof() || accounts::recently_proved(app, &session) {
        true => Ok(()),
        false => Err(SignInNeeded::Prove(LocalPath::parse(wanted(parts, row)))),
    }
}

/// Whether the holder of a session may do something to what is theirs.
async fn allowed(app: &App, session: &Session, action: Action) -> Result<(), SignInNeeded> {
    let account = accounts::read(app, &session.organisation, &session.account).await?;
    let account = account.ok_or(SignInNeeded::To(None))?;
    let object = match action {
        Action::OwnAccount => Object::Account(&session.account),
        _ => Object::Organisation(&session.organisation),
    };
    Ok(may(&account.actor(), action, object).settled()?)
}

/// Staff alone: for clients there is nothing there. Each reading is entered in the audit log.
async fn of_staff(app: &App, parts: &request::Parts, row: &Row, action: Action) -> Result<(), SignInNeeded> {
    let session = accounts::require(app, &parts.headers, wanted(parts, row)).await?;
    let account = accounts::read(app, &session.organisation, &session.account).await?;
    let account = account.ok_or(SignInNeeded::To(None))?;
    if !account.role.is_staff() {
        return Err(WebError::NotFound.into());
    }
    let duties = accounts::duties(app, &account).await?;
    let now = app.clock.now();
    if !duties.hold(now) {
        return Err(WebError::Forbidden("training or the agreement of secrecy is missing or over").into());
    }
    let actor = Actor { elevated: duties.elevated(now), ..account.actor() };
    may(&actor, action, Object::House).settled()?;
    if row.asks_for_proof() && !accounts::recently_proved(app, &session) {
        return Err(SignInNeeded::Prove(LocalPath::parse(wanted(parts, row))));
    }
    Ok(audit::record(app, &Event::of(app, &account, "staff page read", wanted(parts, row))).await?)
}

/// A program's name goes with its request: the key is looked at once.
async fn of_program(app: &App, parts: &mut request::Parts, action: Action) -> Result<(), SignInNeeded> {
    let client = api_keys::authenticate(app, &parts.headers).await?;
    may(&client.actor(), action, Object::Organisation(&client.organisation)).settled()?;
    parts.extensions.insert(client);
    Ok(())
}

/// Where somebody goes on once they signed in: to the page that they read, or that the form stands on.
fn wanted<'a>(parts: &'a request::Parts, row: &Row) -> &'a str {
    if matches!(parts.method, Method::GET | Method::HEAD) {
        return parts.uri.path_and_query().map_or("/", |path| path.as_str());
    }
    if row.page.is_empty() { parts.uri.path() } else { row.page }
}
