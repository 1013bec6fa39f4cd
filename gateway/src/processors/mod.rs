//! The processors to whom data may go: the list that is declared, every list that clients were told of, and the letter
//! that tells them of a change before it applies (`p-subprocessors`; GDPR art. 28.2).
//!
//! What is declared is a file of the site, of which the privacy page makes its table; what is in force is the last list
//! that was announced and whose day has come.

mod announcement;
mod declared;
mod desk;
mod follow;
mod letters;

pub use self::announcement::{Change, Listed, SHAPES, history, in_force};
pub use self::declared::{FILE, ListError, Processor, declared};
pub use self::desk::{Act, AnnounceError, act};
pub use self::follow::follow;
