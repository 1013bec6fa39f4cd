//! A data set for the engine, as `aops calc` hands over a file.

use aops_dataset::Portfolio;
use jiff::Timestamp;

use super::{MOST, keep};
use crate::app::App;
use crate::records::RecordError;

/// What a calculation takes of a data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// For which module it was checked.
    pub module: String,
    /// How its owner calls it.
    pub name: String,
    /// Lines.
    pub rows: usize,
    /// SHA-256 of the lines, in hexadecimal, by which a calculation can be repeated.
    pub digest: String,
    /// When it must be gone: nothing made of it may be kept longer.
    pub ends: Timestamp,
    /// The lines: CSV beside the request, or a member of the request.
    pub portfolio: Portfolio,
}

/// The data set of this name, if the organisation has it; what another one owns is as what does not exist.
///
/// # Errors
/// [`RecordError`].
pub async fn load(app: &App, organisation: &str, id: &str) -> Result<Option<Loaded>, RecordError> {
    let Some((dataset, _)) = keep::read(app, organisation, id).await? else { return Ok(None) };
    let Some(csv) = keep::lines(app, organisation, id, &dataset).await? else { return Ok(None) };
    let wrong = |why: String| RecordError::Shape { at: format!("datasets/{organisation}/{id}"), why };
    let lines =
        aops_engine::lines(&dataset.module).ok_or_else(|| wrong("its module takes no lines".into()))?;
    let portfolio = aops_dataset::portfolio(&dataset.module, &lines, csv);
    let portfolio = portfolio.map_err(|error| wrong(error.to_string()))?;
    let ends = dataset.ends(&app.settings.retention);
    Ok(Some(Loaded {
        module: dataset.module,
        name: dataset.name,
        rows: dataset.rows,
        digest: dataset.digest,
        ends,
        portfolio,
    }))
}

/// What is known of a data set without its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headed {
    /// For which module it was checked.
    pub module: String,
    /// Lines.
    pub rows: usize,
    /// When it must be gone: nothing made of it may be kept longer.
    pub ends: Timestamp,
}

/// As [`load`], without its lines: wherever they are, it need not answer.
///
/// # Errors
/// [`RecordError`].
pub async fn head(app: &App, organisation: &str, id: &str) -> Result<Option<Headed>, RecordError> {
    let Some((dataset, _)) = keep::read(app, organisation, id).await? else { return Ok(None) };
    let ends = dataset.ends(&app.settings.retention);
    Ok(Some(Headed { module: dataset.module, rows: dataset.rows, ends }))
}

/// The data sets of an organisation that are for a module, by id and name, the latest first.
///
/// # Errors
/// [`RecordError`].
pub async fn choices(
    app: &App,
    organisation: &str,
    module: &str,
) -> Result<Vec<(String, String)>, RecordError> {
    let (all, _) = keep::page(app, organisation, None, MOST).await?;
    let fit = all.into_iter().filter(|(_, dataset)| dataset.module == module);
    Ok(fit.map(|(id, dataset)| (id, dataset.name)).collect())
}
