//! What a client may need of us for its own duties (GDPR art. 28 and 30): to whom data may go and went, and sheets that
//! are made from the same declarations that the programs carry out. It declares nothing itself.

mod certificate;
mod page;
mod sheet;

use axum::Router;

use crate::app::SharedApp;

/// The routes of this feature.
pub fn routes() -> Router<SharedApp> {
    page::routes().merge(sheet::routes())
}
