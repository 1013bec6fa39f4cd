//! The search index of a built site: made once from its pages, asked by the gateway and by the theme's script.
//!
//! It is pure: no file, no HTTP. The script knows nothing of languages, so the index carries all that the
//! look-up needs, and the look-up needs no stemmer.
//!
//! # The look-up
//! 1. The query is [folded](words()) into words: lower case, accents off, `œ` as `oe`, apart at all that is
//!    neither letter nor digit. Stop words and single characters go; the first eight words remain.
//! 2. A word finds every stem that begins with it; failing that, the longest stem of at least three
//!    characters that it begins with, at most six characters being left over.
//! 3. A page is a hit when every word finds it. Its score is the sum over the words of the best weight found
//!    times `1 + ⌊log₂(pages ÷ pages found by the word)⌋`; equal scores stand in the order of the paths.
//!
//! # The weight
//! A stem weighs 5 in a title, 2 more in a heading, 1 more in the text or the description, and 1 more when it
//! stands there four times or more: a title outweighs all the rest.
//!
//! # The size
//! The index takes at most [`MOST_BYTES`] of JSON: of every page the stems of the highest weight × rarity are
//! kept, [`CEILINGS`] saying how many are tried in turn until the index fits.
//!
//! ```
//! let page = aops_search::Entry {
//!     path: "/rente/",
//!     title: "La rente viagère",
//!     headings: vec!["L’âge"],
//!     description: "Ce que vaut une rente.",
//!     text: "Les rentes se versent jusqu’au décès.",
//! };
//! let index = aops_search::build(&[page], "fr");
//! assert_eq!(index.query("rentes AGE", 20)[0].path, "/rente/");
//! ```

mod format;
mod indexing;
mod lookup;
mod words;

pub use format::{Index, IndexError};
pub use indexing::{CEILINGS, MOST_BYTES, build};
pub use words::words;

/// A page to be found.
#[derive(Debug, Clone, Default)]
pub struct Entry<'a> {
    /// Its URL path.
    pub path: &'a str,
    /// Its title, as plain text.
    pub title: &'a str,
    /// Its headings, as plain text.
    pub headings: Vec<&'a str>,
    /// What stands under its title among the results; when empty, the beginning of the text does.
    pub description: &'a str,
    /// Its text, without markup.
    pub text: &'a str,
}

/// A page found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Its URL path.
    pub path: String,
    /// Its title.
    pub title: String,
    /// One or two lines about it; plain text.
    pub summary: String,
    /// The higher, the better; comparable within one answer alone.
    pub score: u32,
}
