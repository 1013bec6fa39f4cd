//! One path of the built site: its bytes in each coding, its head, what the manifest says of it.

use std::path::Path;
use std::sync::{Arc, LazyLock, OnceLock};

use aho_corasick::AhoCorasick;
use aops_manifest::{Coding, Entry};
use http::HeaderValue;

use crate::web::heads::{Heads, Kind, Kinds};
use crate::web::live_reload;
use crate::web::site::SiteError;
use crate::web::stored::Stored;

/// How a form of the platform begins, with its quotes or, minified, without.
static FORMS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let folders = ["/commande", "/compte/", "/espace-client"];
    let actions =
        folders.iter().flat_map(|folder| [format!("action=\"{folder}"), format!("action={folder}")]);
    #[expect(clippy::expect_used, reason = "six short patterns of our own")]
    AhoCorasick::new(actions).expect("patterns are small")
});

/// One path of the site.
#[derive(Debug)]
pub struct Resource {
    /// The identity coding.
    pub identity: Representation,
    /// Compressed forms, in order of preference.
    pub variants: Vec<(Coding, Representation)>,
    /// The heads of its kind.
    pub heads: Arc<Heads>,
    /// A page's `Content-Security-Policy`.
    pub csp: Option<HeaderValue>,
    /// Whether byte ranges are answered.
    pub ranges: bool,
    /// Whether it is a page whose form goes to the platform, once that was asked.
    pub(super) to_platform: OnceLock<bool>,
}

/// The bytes of one coding and what tells them.
#[derive(Debug)]
pub struct Representation {
    /// The body.
    pub body: Stored,
    /// The strong `ETag`, with its quotes.
    pub etag: HeaderValue,
    /// The body's `Content-Length`.
    pub length: HeaderValue,
}

/// What a resource cannot be made of.
pub(super) enum Fault {
    File(SiteError),
    Header(&'static str),
}

impl Fault {
    /// The fault as one of the manifest's entry.
    pub(super) fn or_manifest(self, path: &Path, url: &str) -> SiteError {
        match self {
            Self::File(error) => error,
            Self::Header(field) => SiteError::Manifest {
                path: path.to_owned(),
                why: format!("{url}: {field} is no header value"),
            },
        }
    }
}

impl Resource {
    /// What an entry says, with the bytes that `body` gives for a file's name.
    pub(super) fn new(
        body: impl Fn(&str) -> Result<Stored, SiteError>,
        entry: &Entry,
        kinds: &mut Kinds,
    ) -> Result<Self, Fault> {
        let representation = |file: &str, etag: &str| {
            Ok(Representation::new(body(file).map_err(Fault::File)?, value(etag, "etag")?))
        };
        let mut variants = Vec::with_capacity(entry.variants.len());
        for (coding, variant) in &entry.variants {
            variants.push((*coding, representation(&variant.file, &variant.etag)?));
        }
        let kind = Kind {
            content_type: value(&entry.content_type, "content_type")?,
            cache: entry.cache,
            language: entry.language,
            ranges: entry.ranges,
            page: entry.csp.is_some(),
        };
        Ok(Self {
            identity: representation(&entry.file, &entry.etag)?,
            variants,
            heads: kinds.heads(kind),
            csp: entry.csp.as_deref().map(|csp| value(csp, "csp")).transpose()?,
            ranges: entry.ranges,
            to_platform: OnceLock::new(),
        })
    }

    /// Whether it is a page with a form that the platform answers: such a page belongs there, where its session is.
    pub fn posts_to_platform(&self) -> bool {
        *self.to_platform.get_or_init(|| {
            let Stored::Memory(page) = &self.identity.body else { return false };
            self.csp.is_some() && FORMS.is_match(&page[..])
        })
    }

    /// Sets the script before the end of a page; the compressed forms, made without it, go.
    pub(super) fn add_live_reload(&mut self, entry: &Entry) {
        if entry.csp.is_none() {
            return;
        }
        // A page too large for memory is none that somebody edits.
        let Stored::Memory(page) = &self.identity.body else { return };
        let page = String::from_utf8_lossy(page);
        let with_script = page.replacen("</body>", &format!("{}</body>", live_reload::TAG), 1);
        let etag = format!("{}-live\"", entry.etag.trim_end_matches('"'));
        if let Ok(etag) = HeaderValue::from_str(&etag) {
            self.identity = Representation::new(Stored::Memory(with_script.into()), etag);
            self.variants.clear();
        }
    }
}

impl Representation {
    fn new(body: Stored, etag: HeaderValue) -> Self {
        let length = body.len().into();
        Self { body, etag, length }
    }
}

fn value(text: &str, field: &'static str) -> Result<HeaderValue, Fault> {
    HeaderValue::from_str(text).map_err(|_| Fault::Header(field))
}
