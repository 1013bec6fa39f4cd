//! `/equipe/violations`, `/equipe/audits`, `/equipe/prestataires`: what the officer keeps for clients and the CNIL, to be
//! read and done from a page, by the same functions as the commands of `aops admin`.

mod audits;
mod breaches;
mod declaration;
mod page;
mod processors;
#[cfg(test)]
mod tests;
mod typed;

use axum::Router;

use crate::app::SharedApp;

pub(super) fn routes() -> Router<SharedApp> {
    breaches::routes().merge(declaration::routes()).merge(audits::routes()).merge(processors::routes())
}
