//! Internal links `@/offres/ifc.md#ancre`: which document they mean. Anchors are checked once all are rendered.

use std::ops::Range;
use std::sync::Arc;

use aops_manifest::Language;

use crate::content::Library;
use crate::diagnostics::Diagnostic;
use crate::messages::nearest;

/// A link to a document of the site, found in a text.
#[derive(Debug)]
pub(crate) struct InternalLink {
    /// The file of the document.
    pub(crate) target: Arc<str>,
    pub(crate) anchor: Option<String>,
    /// In the source of the document that holds the link.
    pub(crate) span: Range<usize>,
}

/// The document and anchor that `@/…` means in a language; a fault names the nearest document.
pub(crate) fn resolve(
    library: &Library,
    language: Language,
    link: &str,
) -> Result<(usize, Option<String>), Diagnostic> {
    let target = link.strip_prefix("@/").unwrap_or(link);
    let (relative, anchor) = match target.split_once('#') {
        Some((relative, anchor)) => (relative, Some(anchor.to_owned())),
        None => (target, None),
    };
    if let Some(id) = library.find(language, relative) {
        return Ok((id, anchor));
    }
    Err(match nearest(relative, library.relatives(language)) {
        Some(near) => {
            Diagnostic::error("link-broken", &[("target", link), ("nearest", &format!("@/{near}"))])
        }
        None => Diagnostic::error("link-broken-alone", &[("target", link)]),
    })
}

/// The fault of an anchor that a document lacks.
pub(crate) fn broken_anchor<'a>(
    target: &str,
    anchor: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    match nearest(anchor, known) {
        Some(near) => {
            Diagnostic::error("anchor-broken", &[("target", target), ("anchor", anchor), ("nearest", near)])
        }
        None => Diagnostic::error("anchor-broken-alone", &[("target", target), ("anchor", anchor)]),
    }
}

/// The address of a document and an anchor in it.
pub(crate) fn href(library: &Library, id: usize, anchor: Option<&str>) -> String {
    let path = &library.documents[id].path;
    anchor.map_or_else(|| path.clone(), |anchor| format!("{path}#{anchor}"))
}
