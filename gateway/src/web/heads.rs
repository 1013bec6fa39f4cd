//! Heads of the built site's answers, made once for each kind of file: an answer copies one and sets what is its own.
//!
//! Two dozen fields written one by one cost more than all else that this program does for a page.

use std::collections::HashMap;
use std::sync::Arc;

use aops_manifest::{Cache, Coding, Language};
use http::{HeaderMap, HeaderValue, header};

use crate::edge::response_headers;

/// What heads are alike by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Kind {
    /// `Content-Type`.
    pub content_type: HeaderValue,
    /// How long it may be kept.
    pub cache: Cache,
    /// `Content-Language`.
    pub language: Option<Language>,
    /// Whether byte ranges are answered.
    pub ranges: bool,
    /// Whether it is a page, with a policy of its own.
    pub page: bool,
}

/// The heads of one kind.
#[derive(Debug)]
pub struct Heads {
    identity: HeaderMap,
    coded: [HeaderMap; CODINGS.len()],
    not_modified: HeaderMap,
}

const CODINGS: [Coding; 3] = [Coding::Br, Coding::Zstd, Coding::Gzip];

/// Every kind that a site has, once.
#[derive(Debug, Clone, Default)]
pub struct Kinds(HashMap<Kind, Arc<Heads>>);

impl Kinds {
    /// The heads of a kind.
    pub fn heads(&mut self, kind: Kind) -> Arc<Heads> {
        let Self(kinds) = self;
        Arc::clone(kinds.entry(kind).or_insert_with_key(|kind| Arc::new(Heads::new(kind))))
    }
}

impl Heads {
    fn new(kind: &Kind) -> Self {
        let identity = whole(kind);
        let coded = CODINGS.map(|coding| {
            let mut head = identity.clone();
            head.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.token()));
            head
        });
        Self { identity, coded, not_modified: kept(kind) }
    }

    /// The head of a body in a coding, or as it is. `ETag`, `Content-Length`, a page's policy and what the edge
    /// sets for each answer are still to be put in their places.
    pub fn whole(&self, coding: Option<Coding>) -> &HeaderMap {
        let place = CODINGS.iter().position(|known| Some(*known) == coding);
        place.map_or(&self.identity, |place| &self.coded[place])
    }

    /// The head of an answer without a body that refers to what the client has.
    pub fn not_modified(&self) -> &HeaderMap {
        &self.not_modified
    }
}

/// What a 304 tells as well (RFC 9110 § 15.4.5); a policy among it is the page's own, for it takes the stored one's
/// place (RFC 9111 § 3.2).
fn kept(kind: &Kind) -> HeaderMap {
    let mut head = response_headers::places();
    head.insert(header::ETAG, EMPTY);
    if kind.page {
        head.insert(header::CONTENT_SECURITY_POLICY, EMPTY);
    }
    let kept = match kind.cache {
        Cache::Immutable => "public, max-age=31536000, immutable",
        Cache::Revalidate => "public, no-cache",
    };
    head.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    head.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    head
}

fn whole(kind: &Kind) -> HeaderMap {
    let mut head = kept(kind);
    head.insert(header::CONTENT_TYPE, kind.content_type.clone());
    head.insert(header::CONTENT_LENGTH, EMPTY);
    if let Some(language) = kind.language {
        head.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    }
    if kind.ranges {
        head.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    head
}

/// A place that each answer fills.
const EMPTY: HeaderValue = HeaderValue::from_static("");
