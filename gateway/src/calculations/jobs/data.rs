//! Where the data of a calculation come from: a dataset of the same organisation. The one place that knows how.

use aops_dataset::Portfolio;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::app::App;
use crate::datasets::{self, Headed};
use crate::web::WebError;

/// Data ready for the engine.
#[derive(Debug, Clone, Default)]
pub(super) struct Data {
    /// What its owner calls it.
    pub(super) name: String,
    /// Members of the request.
    pub(super) members: Map<String, Value>,
    /// Lines in CSV, for the modules that read them without a tree in between.
    pub(super) lines: Option<String>,
}

/// A dataset of an organisation; nothing where it has none of that name.
///
/// # Errors
/// [`WebError`].
pub(super) async fn load(app: &App, organisation: &str, id: &str) -> Result<Option<Data>, WebError> {
    let Some(loaded) = datasets::load(app, organisation, id).await? else { return Ok(None) };
    let (members, lines) = match loaded.portfolio {
        Portfolio::Csv(lines) => (Map::new(), Some(lines)),
        Portfolio::Member { name, value } => (Map::from_iter([(name.to_owned(), value)]), None),
    };
    Ok(Some(Data { name: loaded.name, members, lines }))
}

/// What must be known of a dataset for a calculation to be asked for; nothing where there is none of that name.
///
/// # Errors
/// [`WebError`].
pub(super) async fn head(app: &App, organisation: &str, id: &str) -> Result<Option<Headed>, WebError> {
    Ok(datasets::head(app, organisation, id).await?)
}

/// A dataset to choose.
#[derive(Debug, Clone, Serialize)]
pub(in crate::calculations) struct Choice {
    id: String,
    name: String,
}

/// The datasets of an organisation that are for a module, the newest first.
///
/// # Errors
/// [`WebError`].
pub(in crate::calculations) async fn choices(
    app: &App,
    organisation: &str,
    module: &str,
) -> Result<Vec<Choice>, WebError> {
    let all = datasets::choices(app, organisation, module).await?;
    Ok(all.into_iter().map(|(id, name)| Choice { id, name }).collect())
}
