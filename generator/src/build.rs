//! The way of a site: read → place → render texts → check anchors → render pages → compress → publish.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aops_manifest::{FILE_NAME, Language, Manifest, Redirect, Shell};
use jiff::civil::Date;
use rayon::prelude::*;
use serde_json::{Map, Value as Json};
use tera::{Context, Tera, Value};

use crate::assets;
use crate::config::SiteConfig;
use crate::content::Library;
use crate::diagnostics::{Diagnostic, Diagnostics, nearest};
use crate::files;
use crate::markdown::{Rendered, Renderer, stylesheet};
use crate::output::{self, Output, VariantCache, Written};
use crate::templates::{self, Lookups};
use crate::theme::Theme;
use crate::views::Views;

/// What a build is told besides the site's own configuration.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// The folder of `content/` and `themes/`.
    pub root: PathBuf,
    /// Where the site goes; `public/` of the root when none is named.
    pub output: Option<PathBuf>,
    /// Another address than the configured one.
    pub base_url: Option<String>,
    /// Whether drafts are shown.
    pub drafts: bool,
    /// Leaves out compressed forms: what other generators' plain build does.
    pub plain: bool,
    /// The day of the build, which only `security.txt` shows, by its month.
    pub today: Date,
    /// Tables that templates may read (`company`, `offers`).
    pub data: Map<String, Json>,
}

impl BuildOptions {
    /// The usual build of a root folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            output: None,
            base_url: None,
            drafts: false,
            plain: false,
            today: Date::constant(1970, 1, 1),
            data: Map::new(),
        }
    }
}

/// What was built.
#[derive(Debug, Clone, serde::Serialize)]
pub struct BuildReport {
    /// Pages of content, lists and terms.
    pub pages: usize,
    /// Files written, compressed forms included.
    pub files: usize,
    /// From the first file read to the site in place.
    #[serde(skip)]
    pub elapsed: Duration,
    /// What could be better.
    pub warnings: Diagnostics,
}

/// Builds a site and puts it in place.
///
/// # Errors
/// Every fault that was found; the site that stood there still stands.
pub fn build(config: &SiteConfig, options: &BuildOptions) -> Result<BuildReport, Diagnostics> {
    let started = Instant::now();
    let built = assemble(config, options)?;
    let cache = (!options.plain).then(|| VariantCache::new(options.root.join(".cache/variants")));
    let mut manifest = built.manifest;
    let (entries, mut written) = built.output.finish(cache.as_ref());
    manifest.entries = entries;
    manifest.build = output::build_id(&manifest);
    let folder = options.output.clone().unwrap_or_else(|| options.root.join("public"));
    let unwritable = |path: &Path, why: String| {
        Diagnostic::new("output", "", &[("path", &path.display().to_string()), ("why", &why)])
    };
    let bytes = serde_json::to_vec(&manifest).map_err(|error| unwritable(&folder, error.to_string()))?;
    written.push(Written { path: FILE_NAME.to_owned(), bytes });
    output::publish(&folder, &written).map_err(|error| unwritable(&error.path, error.source.to_string()))?;
    Ok(BuildReport {
        pages: built.pages,
        files: written.len(),
        elapsed: started.elapsed(),
        warnings: built.warnings,
    })
}

/// A site in memory.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) output: Output,
    pub(crate) manifest: Manifest,
    pub(crate) pages: usize,
    pub(crate) warnings: Diagnostics,
    pub(crate) library: Library,
    pub(crate) theme: Theme,
    /// Where each page comes from, by address.
    pub(crate) origins: HashMap<String, String>,
    /// Files of `content/` that shortcodes read.
    pub(crate) data_files: Vec<String>,
}

/// Reads and renders everything; writes nothing.
pub(crate) fn assemble(config: &SiteConfig, options: &BuildOptions) -> Result<Built, Diagnostics> {
    let root = options.root.as_path();
    let mut faults = Diagnostics::default();
    let theme = Theme::read(root, config, &mut faults);
    let library = Library::read(root, config, options.drafts, &mut faults);
    stop_at(&mut faults)?;

    let paths = library.documents.iter().map(|d| ((d.language, d.relative.clone()), d.path.clone())).collect();
    // Code is highlighted while texts are rendered; whether its styles are needed is known before.
    let code_styles = library.documents.iter().any(|d| has_code(d.markdown())).then(stylesheet).flatten();
    let assets = assets::bundle(&theme, code_styles.as_deref()).map_err(Diagnostics::from)?;
    let mut lookups = Lookups { paths: Arc::new(paths), assets: Arc::new(assets.names), ..Lookups::default() };
    let base_url = options.base_url.as_deref().unwrap_or(&config.base_url).trim_end_matches('/').to_owned();

    let engine = templates::engine(&theme, &lookups).map_err(Diagnostics::from)?;
    let texts = Texts { root, library: &library, theme: &theme, engine: &engine, options };
    let rendered: Vec<(Rendered, Vec<String>)> =
        (0..library.documents.len()).into_par_iter().map(|document| texts.render(document)).collect();
    let (rendered, data_files): (Vec<Rendered>, Vec<Vec<String>>) = rendered.into_iter().unzip();
    faults.0.extend(rendered.iter().flat_map(|text| text.faults.iter().cloned()));
    broken_anchors(&library, &rendered, &mut faults);
    stop_at(&mut faults)?;

    let views = Views::new(config, &library, &rendered, &base_url, &options.data);
    lookups.objects = Arc::new(views.objects());
    let engine = templates::engine(&theme, &lookups).map_err(Diagnostics::from)?;
    let mut output = Output::default();
    let mut origins = HashMap::new();
    let pages = views.pages();
    let results: Vec<Result<String, Diagnostic>> = pages
        .par_iter()
        .map(|page| templates::render(&engine, &theme, page.template, &page.context).map_err(|fault| page.blame(&theme, fault)))
        .collect();
    let count = pages.len();
    for (page, result) in pages.into_iter().zip(results) {
        match result {
            Ok(html) => {
                origins.insert(page.path.clone(), page.origin.clone());
                output.page(&page.path, html, page.language);
            }
            Err(fault) => faults.0.push(fault),
        }
    }
    let mut manifest = output::manifest();
    manifest.templates = theme.gateway_templates();
    manifest.strings = theme.strings.clone();
    for language in library_languages(&library) {
        let frame = views.shell(language);
        match templates::render(&engine, &theme, "shell.html", &frame) {
            Ok(html) => {
                let csp = output::content_security_policy(html.as_bytes());
                manifest.shells.insert(language, Shell { html, csp });
            }
            Err(fault) => faults.0.push(fault),
        }
        let path = format!("{}404.html", language.root());
        match templates::render(&engine, &theme, "404.html", &views.not_found(language)) {
            Ok(html) => {
                output.page(&path, html, language);
                manifest.not_found.insert(language, path);
            }
            Err(fault) => faults.0.push(fault),
        }
    }
    redirects(&library, &output, &mut manifest, &mut faults);
    for (path, bytes) in assets.files {
        output.file(path, bytes);
    }
    for (file, path) in theme.statics.iter().chain(&library.attachments) {
        match files::read(root, file) {
            Ok(bytes) => output.file(path.clone(), bytes),
            Err(fault) => faults.0.push(fault),
        }
    }
    views.machine_files(options.today, &mut output);
    stop_at(&mut faults)?;
    let data_files = data_files.into_iter().flatten().collect();
    Ok(Built { output, manifest, pages: count, warnings: faults.sorted(), library, theme, origins, data_files })
}

/// Ends the run when something already found keeps the site from being built.
fn stop_at(faults: &mut Diagnostics) -> Result<(), Diagnostics> {
    if faults.has_errors() { Err(std::mem::take(faults).sorted()) } else { Ok(()) }
}

fn has_code(markdown: &str) -> bool {
    markdown.contains("```") || markdown.contains("~~~")
}

fn library_languages(library: &Library) -> impl Iterator<Item = Language> + '_ {
    Language::ALL.into_iter().filter(|language| library.find(*language, "_index.md").is_some())
}

/// Rendering of texts: what each document needs of the others.
struct Texts<'a> {
    root: &'a Path,
    library: &'a Library,
    theme: &'a Theme,
    engine: &'a Tera,
    options: &'a BuildOptions,
}

impl Texts<'_> {
    /// A document's text, and the data files that it read.
    fn render(&self, document: usize) -> (Rendered, Vec<String>) {
        let document = &self.library.documents[document];
        let read = std::cell::RefCell::new(Vec::new());
        let resolve = |file: &str| match self.library.find(document.language, file) {
            Some(target) => Ok(self.library.documents[target].path.clone()),
            None => Err(self.library.nearest(document.language, file).map(str::to_owned)),
        };
        let shortcode = |name: &str, arguments: &[(&str, Value)], body: Option<&str>| {
            let template = format!("shortcodes/{name}.html");
            if !self.theme.templates.contains_key(&template) {
                let known = self.theme.templates.keys().filter_map(|t| t.strip_prefix("shortcodes/")?.strip_suffix(".html"));
                let mut values = vec![("name", name)];
                values.extend(nearest(name, known).map(|near| ("nearest", near)));
                return Err(Diagnostic::new("shortcode_unknown", &document.file, &values));
            }
            let mut context = Context::new();
            for (table, value) in &self.options.data {
                context.insert(table.clone(), value);
            }
            context.insert("lang", document.language.tag());
            context.insert("page", &PageOfShortcode { path: &document.path, title: &document.meta.title });
            for (key, value) in arguments {
                match (*key, value.as_str()) {
                    ("data", Some(file)) => {
                        let file = self.beside(document, file);
                        read.borrow_mut().push(file.clone());
                        let data = templates::data(self.root, &file).map_err(|mut fault| {
                            fault.file.clone_from(&document.file);
                            fault
                        })?;
                        context.insert_value("data", data);
                    }
                    _ => context.insert_value((*key).to_owned(), value.clone()),
                }
            }
            if let Some(body) = body {
                context.insert_value("body", Value::safe_string(body));
            }
            templates::render(self.engine, self.theme, &template, &context).map_err(|fault| {
                // Told where it is written: the template's own place is in the message.
                let why = format!("{} ({}:{})", fault.message, fault.file, fault.line);
                Diagnostic::new("shortcode_render", &document.file, &[("name", name), ("why", &why)])
            })
        };
        let renderer = Renderer {
            language: document.language,
            file: &document.file,
            source: &document.source,
            offset: document.body,
            resolve: &resolve,
            shortcode: &shortcode,
        };
        let rendered = renderer.render();
        (rendered, read.into_inner())
    }

    /// The file that stands beside a document, relative to the root folder.
    fn beside(&self, document: &crate::content::Document, file: &str) -> String {
        format!("{}/{file}", files::folder_of(&document.file))
    }
}

#[derive(serde::Serialize)]
struct PageOfShortcode<'a> {
    path: &'a str,
    title: &'a str,
}

/// Tells links to anchors that their page does not have.
fn broken_anchors(library: &Library, rendered: &[Rendered], faults: &mut Diagnostics) {
    let by_path: HashMap<&str, usize> =
        library.documents.iter().enumerate().map(|(at, document)| (document.path.as_str(), at)).collect();
    for (document, text) in library.documents.iter().zip(rendered) {
        for link in &text.anchors {
            let path = if link.path.is_empty() { document.path.as_str() } else { link.path.as_str() };
            let Some(ids) = by_path.get(path).map(|at| &rendered[*at].ids) else {
                continue;
            };
            if ids.contains(&link.anchor) {
                continue;
            }
            let mut known: Vec<&str> = ids.iter().map(String::as_str).collect();
            known.sort_unstable();
            let mut values = vec![("anchor", link.anchor.as_str()), ("target", path)];
            values.extend(nearest(&link.anchor, known).map(|near| ("nearest", near)));
            let fault = Diagnostic::new("link_anchor", &document.file, &values);
            faults.0.push(fault.at(&document.source, link.range.clone()));
        }
    }
}

/// Former addresses, which lead to the pages that name them.
fn redirects(library: &Library, output: &Output, manifest: &mut Manifest, faults: &mut Diagnostics) {
    for document in &library.documents {
        for alias in &document.meta.aliases {
            let from = format!("/{}", alias.trim_start_matches('/'));
            if output.files.contains_key(&from) {
                faults.0.push(Diagnostic::new("alias_taken", &document.file, &[("path", &from)]));
            }
            manifest.redirects.insert(from, Redirect { to: document.path.clone(), status: 308 });
        }
    }
}
