//! The newsletter: an address is taken, confirmed by its holder (double opt-in), and left in one click.
//!
//! What this module keeps: one subscriber per address, sealed under a key of its own, found by a keyed hash.

mod routes;
mod subscriber;

pub use self::routes::routes;
pub use self::subscriber::{Confirmed, Line, State, confirm, list, may_unsubscribe, subscribe, unsubscribe};
