//! `build`: content and theme to a folder of files and its manifest.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aops_manifest::{Cache, Entry, FILE_NAME, Language, Manifest, Redirect, Search, Shell, VERSION};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::assets::content_type;
use crate::config::{BuildOptions, SiteConfig, Sources};
use crate::content::{Document, Kind, Library};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::digest::hex;
use crate::extras::{self, Extra};
use crate::letters;
use crate::output::{self, Compressor, Output, Staging, csp};
use crate::pages::{self, Page};
use crate::pictures::Picture;
use crate::site::Site;
use crate::templates::Touched;
use crate::unchanged::Unchanged;

/// What a build made.
#[derive(Debug)]
pub struct BuildReport {
    /// HTML pages.
    pub pages: usize,
    /// All files served, without their compressed forms.
    pub files: usize,
    /// Whether the output was already that of the very same files, and nothing was written.
    pub unchanged: bool,
    /// What somebody should look at.
    pub warnings: Diagnostics,
    /// The parts of the build, in order.
    pub phases: Vec<(&'static str, Duration)>,
    /// The whole build.
    pub elapsed: Duration,
}

/// A site that was written, and what the next change of it wants to know.
pub(crate) struct Built {
    pub(crate) site: Site,
    pub(crate) manifest: Manifest,
    /// By path of a page: what its template asked for.
    pub(crate) touched: HashMap<String, Touched>,
}

/// Builds the site of a root folder into `options.output`, which is replaced as a whole, or left alone when
/// anything is at fault. When no file changed since the last build of the same output, nothing is done.
///
/// # Errors
/// Every fault found, with its place; also that of an output that cannot be written.
pub fn build(config: &SiteConfig, options: &BuildOptions) -> Result<BuildReport, Diagnostics> {
    let unchanged = Unchanged::look(config, options);
    if let Some(report) = unchanged.as_ref().and_then(Unchanged::report) {
        return Ok(report);
    }
    let (report, built) = whole(Site::load(config, options)?)?;
    if let Some(unchanged) = unchanged {
        unchanged.remember(&built.manifest.build, &report);
    }
    // Freeing a large site takes as long as reading it; nobody need wait for that.
    std::thread::spawn(move || drop(built));
    Ok(report)
}

/// Writes a whole site.
pub(crate) fn whole(mut site: Site) -> Result<(BuildReport, Built), Diagnostics> {
    let mut faults = std::mem::take(&mut site.warnings);
    let mut phases = std::mem::take(&mut site.phases);
    let pages = pages::plan(&site);
    let extras = extras::plan(&site);
    faults.extend(collisions(&site, &pages, &extras));
    if faults.has_errors() {
        return Err(faults.ordered());
    }
    let staging = Staging::new(&site.options.output)?;
    let compressor = compressor(&site.options);
    let mut entries = BTreeMap::new();
    let mut touched: HashMap<String, Touched> = HashMap::new();
    let steps = site.options.progress.of("pages", pages.len());
    let written = pages::render(&site, &pages, |page, html, touched| {
        steps.step();
        Ok((
            publish_page(staging.folder(), compressor.as_ref(), &site.options.page_sources, page, &html)?,
            touched,
        ))
    });
    for result in written {
        match result {
            Ok(((path, entry), asked)) => {
                if asked != Touched::default() {
                    touched.insert(path.clone(), asked);
                }
                entries.insert(path, entry);
            }
            Err(fault) => faults.push(fault),
        }
    }
    phases.end("pages");
    let shown = shown(&site, touched.values());
    for result in others(&site, &extras, &shown, staging.folder(), compressor.as_ref()) {
        match result {
            Ok((path, entry)) => {
                entries.insert(path, entry);
            }
            Err(fault) => faults.push(fault),
        }
    }
    let mut shell_faults = Vec::new();
    let shells = pages::shells(&site, &mut shell_faults);
    faults.extend(shell_faults);
    if faults.has_errors() {
        return Err(faults.ordered());
    }
    phases.end("files");
    let (files, count) = (entries.len(), pages.len());
    let manifest = manifest(&site, entries, shells);
    write_manifest(staging.folder(), &manifest)?;
    staging.put_in_place()?;
    phases.end("manifest");
    let (phases, elapsed) = phases.finish();
    let report =
        BuildReport { pages: count, files, unchanged: false, warnings: faults.ordered(), phases, elapsed };
    Ok((report, Built { site, manifest, touched }))
}

/// What makes compressed forms, when they are wanted.
fn compressor(options: &BuildOptions) -> Option<Compressor> {
    (!options.plain && !options.uncompressed).then(|| Compressor::new(options.root.join(".cache/compressed")))
}

/// Writes a page, and tells how to serve it.
pub(crate) fn publish_page(
    folder: &Path,
    compressor: Option<&Compressor>,
    sources: &Sources,
    page: &Page<'_>,
    html: &str,
) -> Result<(String, Entry), Diagnostic> {
    let facts = Some((page.language, csp::policy(html, sources)));
    let (path, content_type) = (page.path.as_str(), content_type("a.html"));
    let bytes = html.as_bytes();
    output::publish(
        folder,
        compressor,
        Output { path, content_type, bytes, cache: Cache::Revalidate, page: facts },
    )
}

/// Writes everything that is no page.
fn others(
    site: &Site,
    extras: &[Extra<'_>],
    shown: &BTreeMap<&str, &Arc<Picture>>,
    folder: &Path,
    compressor: Option<&Compressor>,
) -> Vec<Result<(String, Entry), Diagnostic>> {
    let forms: usize = shown.values().map(|picture| picture.form_paths().count()).sum();
    let count = extras.len() + site.dress.assets.len() + site.copies.len() + forms;
    let steps = site.options.progress.of("files", count);
    let plain = |path: &str, bytes: &[u8], cache: Cache| {
        steps.step();
        let content_type = extras::content_type_of(path);
        output::publish(folder, compressor, Output { path, content_type, bytes, cache, page: None })
    };
    let mut entries = Vec::new();
    entries.par_extend(
        extras.par_iter().map(|extra| plain(&extra.path, &extra.bytes(site)?, Cache::Revalidate)),
    );
    entries.par_extend(site.dress.assets.par_iter().map(|asset| {
        let cache = if asset.fingerprinted { Cache::Immutable } else { Cache::Revalidate };
        plain(&asset.path, &asset.bytes, cache)
    }));
    entries.par_extend(
        site.copies.par_iter().map(|(path, file)| plain(path, &site.beside.served(file)?, Cache::Revalidate)),
    );
    let forms: Vec<Vec<_>> = shown
        .par_iter()
        .map(|(_, picture)| match site.beside.forms(picture) {
            Ok(forms) => {
                forms.iter().map(|(path, form)| plain(path, &form.bytes, Cache::Immutable)).collect()
            }
            Err(fault) => vec![Err(fault)],
        })
        .collect();
    entries.extend(forms.into_iter().flatten());
    entries
}

/// The pictures that pages show and that have forms, by path.
pub(crate) fn shown<'a>(
    site: &'a Site,
    touched: impl Iterator<Item = &'a Touched>,
) -> BTreeMap<&'a str, &'a Arc<Picture>> {
    let in_texts = site.rendered.iter().flat_map(|one| &one.pictures);
    let all = in_texts.chain(touched.flat_map(|touched| &touched.pictures));
    all.filter(|picture| picture.form_paths().next().is_some()).map(|p| (p.path.as_str(), p)).collect()
}

/// Two things of one address, apart from two documents, which are told when they are read.
pub(crate) fn collisions(site: &Site, pages: &[Page<'_>], extras: &[Extra<'_>]) -> Vec<Diagnostic> {
    let mut owners: HashMap<&str, &str> = HashMap::with_capacity(pages.len() + 64);
    let mut faults = Vec::new();
    let documents =
        pages.iter().map(|page| (page.path.as_str(), page.source(site).map_or("", |source| &source.file)));
    let rest = extras
        .iter()
        .map(|extra| extra.path.as_str())
        .chain(site.dress.assets.iter().map(|asset| asset.path.as_str()));
    let copies = site.copies.keys().map(String::as_str);
    for (path, file) in documents.chain(rest.chain(copies).map(|path| (path, ""))) {
        match owners.insert(path, file) {
            Some(other) if file.is_empty() || other.is_empty() => {
                let named = if other.is_empty() { path } else { other };
                faults.push(
                    Diagnostic::error("duplicate-url", &[("path", path), ("other", named)]).in_file(file),
                );
            }
            _ => {}
        }
    }
    faults
}

/// The manifest of a written site.
pub(crate) fn manifest(
    site: &Site,
    entries: BTreeMap<String, Entry>,
    shells: Vec<(Language, Shell)>,
) -> Manifest {
    let library = &site.library;
    let redirects = library.aliases.iter().chain(&library.redirects).map(|(from, to)| {
        let to = library.documents[*to].path.clone();
        (from.clone(), Redirect { to, status: 301 })
    });
    let mut manifest = Manifest {
        version: VERSION,
        build: String::new(),
        redirects: redirects.collect(),
        not_found: site.languages().into_iter().map(|l| (l, format!("{}404.html", l.root()))).collect(),
        shells: shells.into_iter().collect(),
        search: site.world.search.clone(),
        letters: letters::published(library),
        templates: site.dress.for_gateway.clone(),
        strings: (*site.dress.strings).clone(),
        entries,
    };
    manifest.build = build_digest(&manifest);
    manifest
}

/// Changes when, and only when, what is served changes.
pub(crate) fn build_digest(manifest: &Manifest) -> String {
    let mut digest = Sha256::new();
    for (path, entry) in &manifest.entries {
        digest.update(path);
        digest.update(&entry.etag);
        digest.update([u8::from(entry.variants.is_empty())]);
    }
    let rest =
        (&manifest.redirects, &manifest.shells, &manifest.search, &manifest.templates, &manifest.strings);
    digest.update(serde_json::to_vec(&rest).unwrap_or_default());
    digest.update(serde_json::to_vec(&manifest.letters).unwrap_or_default());
    hex(&digest.finalize()[..16])
}

/// Writes the manifest into an output folder.
pub(crate) fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<(), Diagnostic> {
    // Streamed: as one text, that of a large site would be the most that a build holds.
    let path = folder.join(FILE_NAME);
    let failed = |error: &std::io::Error| output::failed(&path, error);
    let mut file = BufWriter::with_capacity(1 << 16, File::create(&path).map_err(|error| failed(&error))?);
    serde_json::to_writer(&mut file, manifest).map_err(|error| failed(&error.into()))?;
    file.flush().map_err(|error| failed(&error))
}

/// By language that has a search page, made by the template `search.html`: the page and its index.
pub(crate) fn search(library: &Library, options: &BuildOptions) -> BTreeMap<Language, Search> {
    if options.plain {
        return BTreeMap::new();
    }
    let is_search = |template: &toml::Spanned<String>| template.get_ref() == "search.html";
    let pages = library.documents.iter().filter(|d| d.front.template.as_ref().is_some_and(is_search));
    let search = |page: &Arc<Document>| Search {
        page: page.path.clone(),
        index: format!("{}search.json", page.language.root()),
    };
    pages.map(|page| (page.language, search(page))).collect()
}

/// By document whose section wants it: the path of its picture for social networks.
pub(crate) fn card_paths(
    library: &Library,
    config: &SiteConfig,
    options: &BuildOptions,
) -> HashMap<usize, String> {
    if options.plain || config.card.is_none() {
        return HashMap::new();
    }
    let wanted = library.documents.iter().enumerate().filter(|(_, document)| {
        document.kind != Kind::Section && document.front.card == Some(true) && document.is_rendered()
    });
    wanted.map(|(id, document)| (id, format!("{}card.png", document.path))).collect()
}
