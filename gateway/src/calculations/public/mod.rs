//! The public calculators: a form, one calculation at once, a page with the result. No key, no account, no
//! JavaScript; what is typed is neither kept nor logged.

mod annuity;
mod indemnity;
mod pasted;
mod triangle;
mod typed;

use axum::Router;

use crate::app::SharedApp;

/// The routes of the three calculators.
pub(super) fn routes() -> Router<SharedApp> {
    annuity::routes().merge(indemnity::routes()).merge(triangle::routes())
}
