//! The content tree: files parsed into documents, given their addresses, ordered and joined to each other.
//!
//! Nothing is rendered here.

mod classify;
pub(crate) mod documents;
pub(crate) mod front_matter;
pub(crate) mod git;
mod load;
mod order;
mod related;
mod series;
mod tree;
mod yaml;

pub(crate) use classify::{Classification, Term, term_path};
pub(crate) use documents::{Document, Kind};
pub(crate) use load::{Loaded, folder_of, is_markdown, load, shared_addresses};
pub(crate) use tree::Library;
