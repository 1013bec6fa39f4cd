//! The contact form: a message is kept, acknowledged to its writer, and told to the firm.
//!
//! What this module keeps: each message, sealed under the key of the person who wrote it.

mod message;
mod routes;

pub use self::message::{Line, Message, list, record};
pub use self::routes::routes;
