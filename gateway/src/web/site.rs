//! The built site in memory: every file with its header fields ready, and the theme's frames and templates.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::{iter, thread};

use aops_manifest::{Entry, FILE_NAME, Language, Manifest, Shell, VERSION};
use aops_search::Index;
use bytes::Bytes;
use http::HeaderValue;
use serde_json::{Value, json};

use crate::config::Settings;
use crate::texts::Texts;
use crate::web::heads::Kinds;
use crate::web::refusal_pages::RefusalPages;
use crate::web::resource::Resource;
use crate::web::stored::{LARGE, Stored};

/// A built site, read whole; replaced by another one when it is built anew.
pub struct Site {
    /// What the generator told, without its entries: these are in memory as resources.
    pub manifest: Manifest,
    /// Templates and strings of the theme.
    pub texts: Arc<Texts>,
    files: HashMap<Arc<str>, Arc<Resource>>,
    kinds: Kinds,
    shell_csp: HashMap<Language, HeaderValue>,
    /// By language: its search index, read when it is first asked.
    searches: HashMap<Language, OnceLock<Option<Index>>>,
    /// The addresses of the scripts that pages written now may ask.
    scripts: Value,
    refusals: RefusalPages,
    live_reload: bool,
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
        let mut manifest: Manifest =
            serde_json::from_slice(&source).map_err(|error| wrong(error.to_string()))?;
        if manifest.version != VERSION {
            return Err(wrong(format!("version {} where {VERSION} is known", manifest.version)));
        }
        let (mut files, mut kinds) = (HashMap::with_capacity(manifest.entries.len()), Kinds::default());
        let entries = std::mem::take(&mut manifest.entries);
        let contents = contents(public, &entries)?;
        for (url, entry) in &entries {
            let body = |file: &str| match contents.get(file) {
                Some(stored) => Ok(stored.clone()),
                None => stored(&public.join(file)),
            };
            let mut resource =
                Resource::new(body, entry, &mut kinds).map_err(|fault| fault.or_manifest(&path, url))?;
            if live_reload {
                resource.add_live_reload(entry);
            }
            files.insert(Arc::from(url.as_str()), Arc::new(resource));
        }
        let texts = texts(&manifest)?;
        Ok(Self::of(manifest, texts, files, kinds, live_reload))
    }

    /// The same site with some files changed, others gone, and what else the generator tells now.
    ///
    /// # Errors
    /// [`SiteError`], when the generator told something that cannot be served.
    pub fn changed(
        &self,
        manifest: Manifest,
        changed: Vec<(String, Entry, Vec<u8>)>,
        removed: &[String],
    ) -> Result<Self, SiteError> {
        let (mut files, mut kinds) = (self.files.clone(), self.kinds.clone());
        for path in removed {
            files.remove(path.as_str());
        }
        for (url, entry, bytes) in changed {
            let bytes = Bytes::from(bytes);
            let mut resource = Resource::new(|_| Ok(Stored::Memory(bytes.clone())), &entry, &mut kinds)
                .map_err(|fault| fault.or_manifest(Path::new(FILE_NAME), &url))?;
            if self.live_reload {
                resource.add_live_reload(&entry);
            }
            files.insert(Arc::from(url), Arc::new(resource));
        }
        let same_texts =
            manifest.templates == self.manifest.templates && manifest.strings == self.manifest.strings;
        let texts = if same_texts { Arc::clone(&self.texts) } else { texts(&manifest)? };
        Ok(Self::of(manifest, texts, files, kinds, self.live_reload))
    }

    /// A site of no pages, for work that shows none.
    ///
    /// # Errors
    /// [`SiteError::Templates`].
    pub fn empty() -> Result<Self, SiteError> {
        let manifest = Manifest::default();
        let texts = texts(&manifest)?;
        Ok(Self::of(manifest, texts, HashMap::new(), Kinds::default(), false))
    }

    fn of(
        manifest: Manifest,
        texts: Arc<Texts>,
        files: HashMap<Arc<str>, Arc<Resource>>,
        kinds: Kinds,
        live_reload: bool,
    ) -> Self {
        let (shell_csp, searches) = (shell_csp(&manifest), searches(&manifest));
        let script = |name| asset(&files, name);
        let scripts = json!({ "forms": script("forms.js"), "calculators": script("calculators.js"), "gateway": script("gateway.js"), "passkeys": script("passkeys.js") });
        let refusals = RefusalPages::default();
        Self { manifest, texts, files, kinds, shell_csp, searches, scripts, refusals, live_reload }
    }

    /// What stands at a decoded path.
    pub fn resource(&self, path: &str) -> Option<&Resource> {
        self.files.get(path).map(Arc::as_ref)
    }

    /// The search index of a language, if the site has one.
    pub fn search(&self, language: Language) -> Option<&Index> {
        let read = || {
            let index = self.resource(&self.manifest.search.get(&language)?.index)?;
            let Stored::Memory(index) = &index.identity.body else { return None };
            Index::from_json(index).ok()
        };
        self.searches.get(&language)?.get_or_init(read).as_ref()
    }

    /// The page for what does not exist, in a language.
    pub fn not_found(&self, language: Language) -> Option<&Resource> {
        self.resource(self.manifest.not_found.get(&language)?)
    }

    /// The policy of pages written at run time.
    pub fn shell_csp(&self, language: Language) -> Option<&HeaderValue> {
        self.shell_csp.get(&language)
    }

    /// The address of a file of the theme, by its name there (`site.css`); empty when the site has no such file.
    pub fn asset(&self, name: &str) -> &str {
        asset(&self.files, name)
    }

    /// A page written now, as HTML, in the theme's frame.
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
        let mut all = json!({ "title": title, "company": settings.company, "offers": settings.offers, "taxed": settings.tax.is_some(), "consent": settings.consent, "scripts": self.scripts });
        if let (Some(all), Value::Object(own)) = (all.as_object_mut(), context) {
            all.extend(own);
        }
        Ok(super::frame(shell, title, &self.alone(language, template, all)?))
    }

    /// The page that tells people of a refusal, with the request's id; the page is written once for each status.
    ///
    /// # Errors
    /// What the template engine says.
    pub fn refusal(
        &self,
        language: Language,
        code: u16,
        incident: &str,
        settings: &Settings,
    ) -> Result<String, SiteError> {
        self.refusals.page((code, language), incident, |incident| {
            let title = self.texts.text(language, &format!("error_page.{code}.title"), &[]);
            let context = json!({ "status": code, "incident": incident });
            self.render(language, &title, "gateway/error.html", context, settings)
        })
    }

    /// A template by itself.
    ///
    /// # Errors
    /// What the template engine says.
    pub fn alone(&self, language: Language, template: &str, mut context: Value) -> Result<String, SiteError> {
        if let Some(context) = context.as_object_mut() {
            context.insert("lang".into(), json!(language.tag()));
        }
        self.texts.render(template, &context).map_err(|error| SiteError::Templates(error.to_string()))
    }
}

fn asset<'a>(files: &'a HashMap<Arc<str>, Arc<Resource>>, name: &str) -> &'a str {
    let Some((stem, extension)) = name.rsplit_once('.') else { return "" };
    let is_it = |path: &&str| {
        let digest =
            path.strip_prefix("/assets/").and_then(|file| file.strip_prefix(stem)?.strip_prefix('.'));
        digest
            .and_then(|rest| rest.strip_suffix(extension)?.strip_suffix('.'))
            .is_some_and(|d| !d.contains('.'))
    };
    files.keys().map(AsRef::as_ref).find(is_it).unwrap_or_default()
}

fn texts(manifest: &Manifest) -> Result<Arc<Texts>, SiteError> {
    Texts::new(manifest).map(Arc::new).map_err(|error| SiteError::Templates(error.to_string()))
}

fn searches(manifest: &Manifest) -> HashMap<Language, OnceLock<Option<Index>>> {
    manifest.search.keys().map(|language| (*language, OnceLock::new())).collect()
}

fn shell_csp(manifest: &Manifest) -> HashMap<Language, HeaderValue> {
    let policy =
        |(language, shell): (&Language, &Shell)| Some((*language, HeaderValue::from_str(&shell.csp).ok()?));
    manifest.shells.iter().filter_map(policy).collect()
}

/// What stands in every file that these entries name, read by all processors at once: of 10,000 pages with their
/// compressed forms that is most of the start.
fn contents<'a>(
    public: &Path,
    entries: &'a BTreeMap<String, Entry>,
) -> Result<HashMap<&'a str, Stored>, SiteError> {
    let names: Vec<&str> = entries
        .values()
        .flat_map(|entry| iter::once(&entry.file).chain(entry.variants.values().map(|variant| &variant.file)))
        .map(String::as_str)
        .collect();
    let readers = thread::available_parallelism().map_or(1, NonZero::get);
    let read = |names: &[&'a str]| {
        names
            .iter()
            .map(|name| Ok((*name, stored(&public.join(name))?)))
            .collect::<Result<Vec<_>, SiteError>>()
    };
    let parts: Vec<_> = thread::scope(|scope| {
        let (parts, read) = (names.chunks(names.len().div_ceil(readers).max(1)), &read);
        let reading: Vec<_> = parts.map(|part| scope.spawn(move || read(part))).collect();
        reading.into_iter().map(|reader| reader.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    let mut contents = HashMap::with_capacity(names.len());
    for part in parts {
        contents.extend(part?);
    }
    Ok(contents)
}

/// The bytes of a file: in memory, but for a large one.
fn stored(path: &Path) -> Result<Stored, SiteError> {
    let wrong = |source| SiteError::File { path: path.to_owned(), source };
    let mut file = std::fs::File::open(path).map_err(wrong)?;
    let length = file.metadata().map_err(wrong)?.len();
    if length >= LARGE {
        return Ok(Stored::Disk(Arc::new(file), length));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    file.read_to_end(&mut bytes).map_err(wrong)?;
    Ok(Stored::Memory(bytes.into()))
}

fn read(path: &Path) -> Result<Vec<u8>, SiteError> {
    std::fs::read(path).map_err(|source| SiteError::File { path: path.to_owned(), source })
}
