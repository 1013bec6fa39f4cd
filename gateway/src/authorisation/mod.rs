//! Who may do what: one function decides ([`may`]), one table says what each route asks ([`routes`]), and one guard
//! stands before every handler (`p-access-control`). It knows sessions and keys, and nothing of what features do.
//!
//! A handler need not remember to ask: a route without a row in the table is refused. What a handler still does is to
//! look for a record among those of the organisation that asks, so that what is another's does not exist.

mod action;
mod decision;
#[cfg(test)]
mod documented;
mod guard;
mod role;
pub mod routes;
mod scope;
#[cfg(test)]
mod tests;

pub use self::action::Action;
pub use self::decision::{Actor, Decision, Object, may};
pub use self::guard::guard;
pub use self::role::Role;
pub use self::routes::methods;
pub use self::scope::Scope;
