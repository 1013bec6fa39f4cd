//! What an organisation said its columns are, remembered by module for its next files: names of columns, no data.

use aops_dataset::Mapping;
use jiff::{Span, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::records::{self, RecordError};
use crate::store::{Address, Batch, Expect};

/// The collection of mappings, each in its organisation's partition under the name of its module.
pub(super) const MAPPINGS: &str = "dataset_mappings";
/// It is forgotten when it did not serve for two closings.
const MONTHS: i32 = 26;

/// What columns are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Remembered(Mapping);

impl records::Document for Remembered {}

/// What the organisation said of the columns of its files for a module.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn of(app: &App, organisation: &str, module: &str) -> Result<Mapping, RecordError> {
    let address = Address::new(MAPPINGS, organisation, module);
    let found = records::read_plain::<Remembered>(app, &address).await?;
    Ok(found.map_or_else(Mapping::new, |(remembered, _)| remembered.0))
}

/// Remembers what the organisation says now.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn remember(
    app: &App,
    organisation: &str,
    module: &str,
    said: Mapping,
) -> Result<(), RecordError> {
    let mut all = of(app, organisation, module).await?;
    all.extend(said);
    let now = app.clock.now().to_zoned_datetime(TimeZone::UTC);
    let expires = now.checked_add(Span::new().months(MONTHS)).ok().map(|at| at.timestamp());
    let mut batch = Batch::new(organisation);
    records::put_plain(&mut batch, MAPPINGS, module, Expect::Anything, &Remembered(all), expires)?;
    Ok(app.store.commit(batch).await?)
}
