//! The newsletter: asking for it, confirming, choosing, leaving, and sending its issues. What an issue says is an
//! editor's page.
//!
//! Known and unknown addresses get the same answer and cost the same work: one read and one durable write.

mod address;
mod figures;
mod issue;
mod mailing;
#[cfg(test)]
pub(crate) mod measured;
mod pages;
mod preferences;
mod retained;
mod sending;
mod subscriber;

pub use aops_manifest::Language;
use tokio::sync::Notify;

use crate::records::Shape;

pub use self::figures::{Happened, count, count_all};
pub use self::issue::{Preview, preview, test};
pub use self::mailing::{Listed, Mailing, MailingError, Segment, Who, cancel, list as mailings, plan};
pub use self::pages::routes;
pub use self::retained::{CLIENT, LEFT, PENDING, PROSPECT, Subscribers};
pub use self::sending::{LETTER, run};
pub use self::subscriber::{Line, State, Subscriber, list, place, withdraw};

/// What is kept of the newsletter.
pub const SHAPES: &[Shape] = &[
    Shape::sealed::<Subscriber>(subscriber::SUBSCRIBERS),
    Shape::plain::<sending::Part>(sending::SENT),
    Shape::plain::<figures::Figures>(figures::FIGURES),
    Shape::plain::<Mailing>(mailing::MAILINGS),
];

/// What wakes the sending of issues.
#[derive(Debug, Default)]
pub struct Newsletter {
    wake: Notify,
}
