//! The newsletter: asking for it, confirming, leaving. It writes no issue of it.
//!
//! Known and unknown addresses get the same answer and cost the same work: one read and one durable write.

mod pages;
mod subscriber;

pub use self::pages::routes;
pub use self::subscriber::{Line, State, Subscriber, list, withdraw};
