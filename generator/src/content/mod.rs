//! The content tree: files parsed into documents, given their addresses, ordered and joined to each other.
//!
//! Nothing is rendered here.

mod documents;
pub(crate) mod front_matter;
mod tree;

pub(crate) use documents::{Document, Kind, load};
pub(crate) use tree::{Classification, Library, Term};
