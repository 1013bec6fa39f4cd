//! `build`: content and theme to a folder of files and its manifest.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use aops_manifest::{Cache, Entry, FILE_NAME, Language, Manifest, Redirect, VERSION};
use rayon::prelude::*;

use crate::assets::{self, content_type};
use crate::config::{BuildOptions, SiteConfig};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::digest::{hex, sha256};
use crate::output::{self, Compressor, Output, Staging, csp, feeds, well_known};
use crate::pages::{self, Page};
use crate::phases::Phases;
use crate::site::Site;

/// What a build made.
#[derive(Debug)]
pub struct BuildReport {
    /// HTML pages.
    pub pages: usize,
    /// All files served, without their compressed forms.
    pub files: usize,
    /// What somebody should look at.
    pub warnings: Diagnostics,
    /// The parts of the build, in order.
    pub phases: Vec<(&'static str, Duration)>,
    /// The whole build.
    pub elapsed: Duration,
}

/// A file that is neither a page nor copied from the content tree.
struct Extra {
    path: String,
    bytes: Vec<u8>,
    cache: Cache,
}

/// Builds the site into `options.output`, which is replaced as a whole, or left alone when anything is at fault.
///
/// # Errors
/// Every fault found, with its place; also that of an output that cannot be written.
pub fn build(config: &SiteConfig, options: &BuildOptions) -> Result<BuildReport, Diagnostics> {
    let mut phases = Phases::begin();
    let mut faults = Diagnostics::default();
    let site = Site::load(config, options, &mut phases, &mut faults)?;
    let pages = pages::plan(&site);
    let extras = extras(&site, config, options);
    faults.extend(collisions(&site, &pages, &extras));
    if faults.has_errors() {
        faults.extend(template_faults(&site, &pages));
        return Err(faults.ordered());
    }
    let staging = Staging::new(&options.output)?;
    let compressor = (!options.plain).then(|| Compressor::new(options.root.join(".cache/compressed")));
    let entries = write(&site, options, &pages, &extras, staging.folder(), compressor.as_ref());
    let mut shell_faults = Vec::new();
    let shells = pages::shells(&site, &mut shell_faults);
    faults.extend(shell_faults);
    let mut written = BTreeMap::new();
    for entry in entries {
        match entry {
            Ok((path, entry)) => {
                written.insert(path, entry);
            }
            Err(fault) => faults.push(fault),
        }
    }
    if faults.has_errors() {
        return Err(faults.ordered());
    }
    phases.end("pages");
    let files = written.len();
    let manifest = manifest(&site, written, shells);
    let json = serde_json::to_vec(&manifest)
        .map_err(|error| output::failed(&staging.folder().join(FILE_NAME), &error.into()))?;
    output::write(staging.folder(), FILE_NAME, &json)?;
    staging.put_in_place()?;
    phases.end("manifest");
    let (phases, elapsed) = phases.finish();
    Ok(BuildReport { pages: pages.len(), files, warnings: faults.ordered(), phases, elapsed })
}

/// What is at fault in templates, when earlier faults do not explain it.
pub(crate) fn template_faults(site: &Site, pages: &[Page<'_>]) -> Vec<Diagnostic> {
    if !site.is_whole {
        return Vec::new();
    }
    pages::render(site, pages, |_, _| Ok(())).into_iter().filter_map(Result::err).collect()
}

fn write(
    site: &Site,
    options: &BuildOptions,
    pages: &[Page<'_>],
    extras: &[Extra],
    folder: &Path,
    compressor: Option<&Compressor>,
) -> Vec<Result<(String, Entry), Diagnostic>> {
    let mut entries = pages::render(site, pages, |page, html| {
        let page_facts = Some((page.language, csp::policy(&html)));
        let (path, content_type) = (page.path.as_str(), content_type("a.html"));
        let output =
            Output { path, content_type, bytes: html.as_bytes(), cache: Cache::Revalidate, page: page_facts };
        output::publish(folder, compressor, output)
    });
    let plain = |path: &str, bytes: &[u8], cache: Cache| {
        let content_type = if path.ends_with("atom.xml") {
            "application/atom+xml; charset=utf-8"
        } else {
            content_type(path)
        };
        output::publish(folder, compressor, Output { path, content_type, bytes, cache, page: None })
    };
    entries.par_extend(extras.par_iter().map(|extra| plain(&extra.path, &extra.bytes, extra.cache)));
    entries.par_extend(site.assets.par_iter().map(|asset| {
        let cache = if asset.fingerprinted { Cache::Immutable } else { Cache::Revalidate };
        plain(&asset.path, &asset.bytes, cache)
    }));
    entries.par_extend(
        site.copies
            .par_iter()
            .map(|(path, file)| plain(path, &assets::read(&options.root, file)?, Cache::Revalidate)),
    );
    entries
}

fn extras(site: &Site, config: &SiteConfig, options: &BuildOptions) -> Vec<Extra> {
    let base_url = &site.facts.base_url;
    let extra = |path: &str, text: String| Extra {
        path: path.to_owned(),
        bytes: text.into_bytes(),
        cache: Cache::Revalidate,
    };
    let mut extras = vec![
        extra("/robots.txt", well_known::robots(base_url)),
        extra("/sitemap.xml", well_known::sitemap(&site.library, base_url)),
    ];
    let email = options
        .data
        .get("company")
        .and_then(|company| company.get("dpo_email"))
        .and_then(|email| email.as_str());
    if let Some(email) = email {
        extras.push(extra("/.well-known/security.txt", well_known::security(base_url, email, options.today)));
    }
    for language in site.languages() {
        let feed = feeds::atom(&site.library, &site.rendered, config, base_url, language);
        extras.push(extra(&feeds::path(language), feed));
    }
    extras
}

/// Two things of one address, apart from two documents, which are told when they are read.
fn collisions(site: &Site, pages: &[Page<'_>], extras: &[Extra]) -> Vec<Diagnostic> {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    let mut faults = Vec::new();
    let documents =
        pages.iter().map(|page| (page.path.as_str(), page.source(site).map_or("", |source| &source.file)));
    let rest = extras
        .iter()
        .map(|extra| extra.path.as_str())
        .chain(site.assets.iter().map(|asset| asset.path.as_str()));
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

fn manifest(
    site: &Site,
    entries: BTreeMap<String, Entry>,
    shells: Vec<(Language, aops_manifest::Shell)>,
) -> Manifest {
    let redirects = site.library.aliases.iter().map(|(from, to)| {
        let to = site.library.documents[*to].path.clone();
        (from.clone(), Redirect { to, status: 301 })
    });
    let mut manifest = Manifest {
        version: VERSION,
        build: String::new(),
        redirects: redirects.collect(),
        not_found: site.languages().into_iter().map(|l| (l, format!("{}404.html", l.root()))).collect(),
        shells: shells.into_iter().collect(),
        templates: site.for_gateway.clone(),
        strings: site.shared.strings.clone(),
        entries,
    };
    let said = serde_json::to_vec(&manifest).unwrap_or_default();
    manifest.build = hex(&sha256(&said)[..16]);
    manifest
}
