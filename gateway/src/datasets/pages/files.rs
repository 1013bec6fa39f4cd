//! `/espace-client/donnees/modele/{module}.{csv,xlsx}`: files to fill in.

use aops_engine::MODULES;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, Uri};

use super::{CSV, PATH, XLSX, attached};
use crate::accounts::SignInNeeded;
use crate::app::SharedApp;
use crate::datasets::guard;
use crate::web::{WebError, negotiation};

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route("/espace-client/donnees/modele/{file}", get(template))
}

async fn template(
    State(app): State<SharedApp>,
    Path(file): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, SignInNeeded> {
    guard::person(&app, &headers, PATH).await?;
    let language = negotiation::language(&uri, &headers);
    let (module, form) = file.rsplit_once('.').ok_or(WebError::NotFound)?;
    let module = MODULES.iter().copied().find(|known| *known == module).ok_or(WebError::NotFound)?;
    let lines = aops_engine::lines(module).ok_or(WebError::NotFound)?;
    let name = format!("aops-{module}.{form}");
    match form {
        "csv" => Ok(attached(aops_dataset::csv_template(&lines), CSV, &name)),
        "xlsx" => {
            let site = app.site.load();
            let word = |key: &str| site.texts.text(language, &format!("template.{key}"), &[]);
            let words = aops_dataset::Words {
                data: word("data"),
                help: word("help"),
                heads: [word("column"), word("name"), word("needed"), word("values")],
                required: word("required"),
                optional: word("optional"),
                wrong: word("wrong"),
            };
            let book = aops_dataset::xlsx_template(&lines, &words);
            let book = book.map_err(|error| WebError::Internal(format!("a template: {error}")))?;
            Ok(attached(book, XLSX, &name))
        }
        _ => Err(WebError::NotFound.into()),
    }
}
