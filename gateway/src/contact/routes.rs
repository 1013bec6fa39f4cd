//! The contact form's routes.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::json;

use crate::app::SharedApp;
use crate::contact::{self, Message};
use crate::web::error::WebError;
use crate::web::posted::Posted;
use crate::web::{negotiation, render};

const FIELDS: [&str; 7] = ["nom", "prenom", "email", "telephone", "raison_sociale", "adresse", "message"];

/// `/contact` and its thanks.
pub fn routes() -> Router<SharedApp> {
    Router::new().route("/contact", post(write)).route("/contact/merci", get(thanks))
}

async fn write(State(app): State<SharedApp>, posted: Posted) -> Result<Response, WebError> {
    let mut check = posted.check(&FIELDS);
    let nom = check.text("nom", 1..=100);
    let prenom = check.text("prenom", 1..=100);
    let email = check.email("email");
    let telephone = check.optional_phone("telephone");
    let raison_sociale = check.text("raison_sociale", 1..=200);
    let adresse = check.text("adresse", 1..=300);
    let message = check.long_text("message", 1..=5_000);
    match (check.finish(), email) {
        (Ok(()), Some(email)) => {
            let language = posted.language;
            let message =
                Message { nom, prenom, email, telephone, raison_sociale, adresse, message, language };
            contact::record(&app, message).await?;
            Ok(posted.accepted("/contact/merci"))
        }
        (Err(errors), _) => Ok(posted.refused(&app, "contact", "/contact", &errors)),
        // A checker without errors has given the address.
        (Ok(()), None) => Err(WebError::BadRequest("no address")),
    }
}

async fn thanks(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Response {
    let language = negotiation::language(&uri, &headers);
    let context = json!({ "kind": "contact" });
    render(&app, StatusCode::OK, language, "merci.contact.title", "gateway/merci.html", context)
}
