//! Calculations that are asked for and fetched later: kept sealed with a key of their own, run in turn by a bounded
//! number of workers, ended once and charged once whatever happens meanwhile.
//!
//! What makes a calculation — its document, its inputs, its place in the queue, its count — is one batch; so is what ends
//! it. The queue in memory is made again from its documents at every start; where documents are on a server, gateways
//! and workers share a queue there (`shared/`, `leased.rs`). Outcomes are kept, reports are not: each is
//! made when it is asked for, from the same outcome.

mod again;
mod apart;
mod api;
mod chunks;
mod data;
mod estimate;
mod events;
mod forms;
mod idempotency;
mod kept;
mod leased;
mod letter;
mod packed;
mod queue;
mod records;
mod remove;
mod shared;
mod submit;
#[cfg(test)]
mod tests;
mod worker;

pub(super) use self::again::run;
pub use self::apart::{Bounds, Nursery, calculate, nurse};
pub(super) use self::api::download;
pub(super) use self::data::choices as datasets;
pub(super) use self::events::stream;
pub(super) use self::forms::Form;
pub use self::kept::{CALCULATION, Calculated};
pub use self::leased::leave;
pub(super) use self::packed::{Computed, computed};
pub(super) use self::queue::Jobs;
pub use self::records::SHAPES;
pub(super) use self::records::{Job, State, list, parameters, read};
pub(super) use self::remove::{cancel, end_all, remove};
pub use self::remove::{removed, stop_removed};
pub(super) use self::shared::Shared;
pub(super) use self::submit::{Asked, Refused, Who, sound, submit};
pub use self::worker::follow;
pub(super) use self::worker::progress;

/// The routes of this folder.
pub(super) fn routes() -> axum::Router<crate::app::SharedApp> {
    api::routes().merge(estimate::routes())
}
