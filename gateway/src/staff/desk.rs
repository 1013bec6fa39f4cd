//! `/equipe/courrier`: messages, letters that have not left, mailings, suppressed addresses and proofs of deletion,
//! for staff to read; what changes them are the commands of `aops admin`.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use crate::app::{App, SharedApp};
use crate::records::RecordError;
use crate::web::{WebError, negotiation, render};
use crate::{contact, newsletter, outbox, retention, suppression};

const PATH: &str = "/equipe/courrier";
/// Rows shown of a table, the newest; `aops admin` has them all.
const SHOWN: usize = 50;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PATH, get(page))
}

async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Response {
    let language = negotiation::language(&uri, &headers);
    match context(&app).await {
        Ok(context) => {
            render(&app, StatusCode::OK, language, "desk.title", "gateway/courrier_equipe.html", context)
        }
        Err(error) => WebError::from(error).into_response(),
    }
}

async fn context(app: &App) -> Result<Value, RecordError> {
    let mut messages = contact::list(app).await?;
    // What is to be answered first: by its day where it has one, then the newest.
    messages.sort_by_key(|line| {
        (line.answer_by.is_none(), line.answer_by, std::cmp::Reverse(line.message.created))
    });
    let messages: Vec<Value> = messages.iter().take(SHOWN).map(message).collect();
    let letters: Vec<Value> = outbox::list(app).await?.iter().take(SHOWN).map(letter).collect();
    let mailings: Vec<Value> = newsletter::mailings(app).await?.iter().take(SHOWN).map(mailing).collect();
    let suppressed = suppression::list(app).await?;
    let suppressed: Vec<Value> = suppressed.iter().rev().take(SHOWN).map(blocked).collect();
    let proofs = retention::proofs(app).await?;
    let proofs: Vec<Value> = proofs.iter().rev().take(SHOWN).map(proof).collect();
    Ok(json!({
        "messages": messages,
        "letters": letters,
        "mailings": mailings,
        "suppressed": suppressed,
        "proofs": proofs,
    }))
}

fn message(line: &contact::Line) -> Value {
    let message = &line.message;
    json!({
        "id": line.id,
        "who": format!("{} {}", message.prenom, message.nom),
        "email": message.email,
        "created": message.created,
        "state": line.state,
        "answer_by": line.answer_by,
        "spam": message.spam.score,
        "reasons": message.spam.reasons,
    })
}

fn letter(line: &outbox::Line) -> Value {
    json!({
        "id": line.id,
        "state": line.state,
        "purpose": line.purpose,
        "to": line.to,
        "tries": line.tries,
        "due": line.due,
        "why": line.why,
    })
}

fn mailing(one: &newsletter::Listed) -> Value {
    json!({
        "issue": one.mailing.issue,
        "stage": one.mailing.stage,
        "at": one.mailing.at,
        "sent": one.sent,
        "delivered": one.figures.delivered,
        "bounced": one.figures.bounced,
        "unsubscribed": one.figures.unsubscribed,
    })
}

fn blocked(line: &suppression::Line) -> Value {
    let id: String = line.id.chars().take(12).collect();
    json!({ "email": line.email, "id": id, "reasons": line.reasons, "since": line.since })
}

fn proof(proof: &retention::Proof) -> Value {
    json!({ "at": proof.at, "what": proof.done.what, "then": proof.done.then, "count": proof.done.count })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Method;

    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn the_page_is_the_staff_s_alone() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let ask = async |headers: HeaderMap| {
            testing::ask(&app, Method::GET, PATH, &headers, Body::empty()).await.status()
        };
        assert_eq!(ask(HeaderMap::new()).await, StatusCode::SEE_OTHER);
        let client = testing::account(&app, "client@example.com").await;
        assert_eq!(ask(testing::signed_in(&app, &client).await).await, StatusCode::NOT_FOUND);
    }
}
