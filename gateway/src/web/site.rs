//! The built site in memory: every file with its header fields ready, and the theme's frames and templates.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use aops_manifest::{Cache, Coding, Entry, FILE_NAME, Language, Manifest, VERSION};
use bytes::Bytes;
use http::HeaderValue;
use serde_json::{Value, json};

use crate::config::Settings;
use crate::texts::Texts;
use crate::web::live_reload;

/// A built site, read whole; replaced by another one when it is built anew.
pub struct Site {
    /// What the generator told.
    pub manifest: Manifest,
    /// Templates and strings of the theme.
    pub texts: Texts,
    files: HashMap<String, Resource>,
    shell_csp: HashMap<Language, HeaderValue>,
}

/// One path of the site.
#[derive(Debug)]
pub struct Resource {
    /// The identity coding.
    pub identity: Representation,
    /// Compressed forms, in order of preference.
    pub variants: Vec<(Coding, Representation)>,
    /// `Content-Type`.
    pub content_type: HeaderValue,
    /// `Cache-Control`.
    pub cache_control: HeaderValue,
    /// `Content-Security-Policy`.
    pub csp: Option<HeaderValue>,
    /// `Content-Language`.
    pub language: Option<HeaderValue>,
    /// Whether byte ranges are answered.
    pub ranges: bool,
}

/// The bytes of one coding and their entity tag.
#[derive(Debug)]
pub struct Representation {
    /// The body.
    pub body: Bytes,
    /// The strong `ETag`, with its quotes.
    pub etag: HeaderValue,
}

/// Why a built site cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// A file is missing or cannot be read.
    #[error("{path}: {source}; build the site again with `aops build`")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The manifest is not one of ours.
    #[error("{path}: {why}; build the site again with `aops build`")]
    Manifest {
        /// The manifest's file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The theme's templates cannot be read by the gateway.
    #[error("the theme's templates: {0}")]
    Templates(String),
}

impl Site {
    /// Reads the manifest of an output folder and every file that it names.
    ///
    /// With `live_reload`, each page gets the script that loads it again when the site changes.
    ///
    /// # Errors
    /// [`SiteError`], with the file.
    pub fn load(public: &Path, live_reload: bool) -> Result<Self, SiteError> {
        let path = public.join(FILE_NAME);
        let source = read(&path)?;
        let wrong = |why: String| SiteError::Manifest { path: path.clone(), why };
        let manifest: Manifest = serde_json::from_slice(&source).map_err(|error| wrong(error.to_string()))?;
        if manifest.version != VERSION {
            return Err(wrong(format!("version {} where {VERSION} is known", manifest.version)));
        }
        let mut files = HashMap::with_capacity(manifest.entries.len());
        for (url, entry) in &manifest.entries {
            let mut resource = resource(public, entry).map_err(|fault| fault.or_manifest(&path, url))?;
            if live_reload && entry.csp.is_some() {
                resource.add_live_reload(&manifest.build);
            }
            files.insert(url.clone(), resource);
        }
        let texts = Texts::new(&manifest).map_err(|error| SiteError::Templates(error.to_string()))?;
        let shell_csp = manifest
            .shells
            .iter()
            .filter_map(|(language, shell)| Some((*language, HeaderValue::from_str(&shell.csp).ok()?)))
            .collect();
        Ok(Self { manifest, texts, files, shell_csp })
    }

    /// A site of no pages, for work that shows none.
    ///
    /// # Errors
    /// [`SiteError::Templates`].
    pub fn empty() -> Result<Self, SiteError> {
        let manifest = Manifest::default();
        let texts = Texts::new(&manifest).map_err(|error| SiteError::Templates(error.to_string()))?;
        Ok(Self { manifest, texts, files: HashMap::new(), shell_csp: HashMap::new() })
    }

    /// What stands at a decoded path.
    pub fn resource(&self, path: &str) -> Option<&Resource> {
        self.files.get(path)
    }

    /// The page for what does not exist, in a language.
    pub fn not_found(&self, language: Language) -> Option<&Resource> {
        self.files.get(self.manifest.not_found.get(&language)?)
    }

    /// The policy of pages written at run time.
    pub fn shell_csp(&self, language: Language) -> Option<&HeaderValue> {
        self.shell_csp.get(&language)
    }

    /// A page written now, as HTML.
    ///
    /// # Errors
    /// What the template engine says.
    pub fn render(
        &self,
        language: Language,
        title: &str,
        template: &str,
        context: Value,
        settings: &Settings,
    ) -> Result<String, SiteError> {
        let Some(shell) = self.manifest.shells.get(&language) else {
            return Err(SiteError::Templates(format!("no frame for {}", language.tag())));
        };
        let mut all = json!({ "lang": language.tag(), "title": title, "company": settings.company, "offers": settings.offers });
        if let (Some(all), Value::Object(own)) = (all.as_object_mut(), context) {
            all.extend(own);
        }
        let main =
            self.texts.render(template, &all).map_err(|error| SiteError::Templates(error.to_string()))?;
        Ok(super::frame(shell, title, &main))
    }
}

impl Resource {
    /// Sets the script before the end of the body; the compressed forms, made without it, go.
    fn add_live_reload(&mut self, build: &str) {
        let page = String::from_utf8_lossy(&self.identity.body);
        let with_script = page.replacen("</body>", &format!("{}</body>", live_reload::TAG), 1);
        if let Ok(etag) = HeaderValue::from_str(&format!("\"{build}-live\"")) {
            self.identity = Representation { body: with_script.into(), etag };
            self.variants.clear();
        }
    }
}

enum Fault {
    File(SiteError),
    Header(&'static str),
}

impl Fault {
    fn or_manifest(self, path: &Path, url: &str) -> SiteError {
        match self {
            Self::File(error) => error,
            Self::Header(field) => SiteError::Manifest {
                path: path.to_owned(),
                why: format!("{url}: {field} is no header value"),
            },
        }
    }
}

fn resource(public: &Path, entry: &Entry) -> Result<Resource, Fault> {
    let representation = |file: &str, etag: &str| {
        let body = read(&public.join(file)).map_err(Fault::File)?.into();
        Ok(Representation { body, etag: value(etag, "etag")? })
    };
    let mut variants = Vec::with_capacity(entry.variants.len());
    for (coding, variant) in &entry.variants {
        variants.push((*coding, representation(&variant.file, &variant.etag)?));
    }
    Ok(Resource {
        identity: representation(&entry.file, &entry.etag)?,
        variants,
        content_type: value(&entry.content_type, "content_type")?,
        cache_control: HeaderValue::from_static(match entry.cache {
            Cache::Immutable => "public, max-age=31536000, immutable",
            Cache::Revalidate => "public, no-cache",
        }),
        csp: entry.csp.as_deref().map(|csp| value(csp, "csp")).transpose()?,
        language: entry.language.map(|language| HeaderValue::from_static(language.tag())),
        ranges: entry.ranges,
    })
}

fn value(text: &str, field: &'static str) -> Result<HeaderValue, Fault> {
    HeaderValue::from_str(text).map_err(|_| Fault::Header(field))
}

fn read(path: &Path) -> Result<Vec<u8>, SiteError> {
    std::fs::read(path).map_err(|source| SiteError::File { path: path.to_owned(), source })
}
