//! What was asked of a calculation, whole: to make it again with something changed.

use super::data;
use super::records::{Job, parameters};
use crate::app::App;
use crate::calculations::bridge::Run;
use crate::web::WebError;

/// The request of a calculation with its data; nothing where either is gone.
///
/// # Errors
/// [`WebError`].
pub(in crate::calculations) async fn run(
    app: &App,
    organisation: &str,
    job: &Job,
) -> Result<Option<Run>, WebError> {
    let Some(mut request) = parameters(app, organisation, job).await? else { return Ok(None) };
    let Some(dataset) = &job.dataset else { return Ok(Some(Run { request, lines: None })) };
    let Some(data) = data::load(app, organisation, dataset).await? else { return Ok(None) };
    request.extend(data.members);
    Ok(Some(Run { request, lines: data.lines }))
}
