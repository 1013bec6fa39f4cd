//! `check`: all that `build` checks, and what only the finished pages show: links, anchors, pictures, ids, files.

mod contrast;
mod nesting;
mod scan;

pub(crate) use contrast::Pair;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use crate::config::{BuildOptions, SiteConfig};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::extras::{self, Extra};
use crate::files;
use crate::locale;
use crate::markdown::links::broken_anchor;
use crate::messages::nearest;
use crate::pages::{self, Page};
use crate::phases::Phases;
use crate::site::Site;
use scan::Scanned;

/// The paths of this site that a page leads to.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn links_of(page: &str, html: &str, base_url: &str) -> Vec<String> {
    let links = scan::scan(html).links;
    links.iter().filter_map(|link| Some(scan::resolve(page, link, base_url)?.0)).collect()
}

/// What a check found.
#[derive(Debug)]
pub struct CheckReport {
    /// HTML pages looked at.
    pub pages: usize,
    /// All faults and warnings, in the order of files.
    pub faults: Diagnostics,
    /// The whole check.
    pub elapsed: Duration,
}

/// Checks the site and writes nothing; links to other sites are only told (see [`crate::external_links`]).
pub fn check(config: &SiteConfig, options: &BuildOptions) -> CheckReport {
    let phases = Phases::begin();
    let mut faults = Diagnostics::default();
    let site = match Site::gather(config, options, &mut faults) {
        Ok(site) => site,
        Err(fault) => return CheckReport { pages: 0, faults: fault.into(), elapsed: phases.finish().1 },
    };
    let pages = pages::plan(&site);
    if site.is_whole {
        let mut scanned = Vec::new();
        for result in pages::render(&site, &pages, |_, html, _| Ok(scan::scan(&html))) {
            match result {
                Ok(one) => scanned.push(one),
                Err(fault) => faults.push(fault),
            }
        }
        if scanned.len() == pages.len() {
            faults.extend(page_faults(&site, &pages, &scanned));
        }
        let mut shell_faults = Vec::new();
        pages::shells(&site, &mut shell_faults);
        faults.extend(shell_faults);
    }
    faults.extend(lacks(&site));
    faults.extend(contrast::faults(&options.root, &site.dress.theme.folder, &site.dress.theme.contrast));
    let (_, elapsed) = phases.finish();
    CheckReport { pages: pages.len(), faults: faults.ordered(), elapsed }
}

/// What the finished pages show.
fn page_faults(site: &Site, pages: &[Page<'_>], scanned: &[Scanned]) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    let ids: HashMap<&str, HashSet<&str>> = pages
        .iter()
        .zip(scanned)
        .map(|(page, scanned)| (page.path.as_str(), scanned.ids.iter().map(String::as_str).collect()))
        .collect();
    let extras = extras::plan(site);
    let known = known_paths(site, pages, &extras);
    let mut linked = BTreeSet::new();
    for (page, scanned) in pages.iter().zip(scanned) {
        let told = |fault: Diagnostic, text: &str| match page.source(site) {
            Some(source) => match source.text.find(text).filter(|_| !text.is_empty()) {
                Some(at) => fault.at(source, at..at + text.len()),
                None => fault.in_file(&source.file),
            },
            None => fault.in_file(&page.path),
        };
        own_faults(page, scanned, told, &mut faults);
        for link in &scanned.links {
            let Some((path, anchor)) = scan::resolve(&page.path, link, &site.facts.base_url) else {
                continue;
            };
            if path != page.path {
                linked.insert(path.clone());
            }
            if site.dress.theme.dynamic_routes.iter().any(|prefix| path.starts_with(prefix.as_str()))
                && !known.contains(path.as_str())
            {
                continue;
            }
            if !known.contains(path.as_str()) {
                let values = [
                    ("target", link.as_str()),
                    ("nearest", nearest(&path, known.iter().copied()).unwrap_or_default()),
                ];
                let code = if values[1].1.is_empty() { "link-broken-alone" } else { "link-broken" };
                faults.push(told(Diagnostic::error(code, &values), link));
            } else if let Some(anchor) = anchor.filter(|anchor| !anchor.is_empty())
                && let Some(ids) = ids.get(path.as_str())
                && !ids.contains(anchor.as_str())
            {
                let mut there: Vec<&str> = ids.iter().copied().collect();
                there.sort_unstable();
                faults.push(told(broken_anchor(&path, &anchor, there), link));
            }
        }
    }
    faults.extend(unused(site, &linked));
    faults.extend(orphans(site, pages, &linked));
    faults
}

/// What a page shows by itself.
fn own_faults(
    page: &Page<'_>,
    scanned: &Scanned,
    told: impl Fn(Diagnostic, &str) -> Diagnostic,
    faults: &mut Vec<Diagnostic>,
) {
    let path = ("path", page.path.as_str());
    let mut seen = HashSet::new();
    for id in scanned.ids.iter().filter(|id| !seen.insert(id.as_str())) {
        faults.push(told(Diagnostic::error("id-twice", &[("id", id), path]), id));
    }
    for source in &scanned.without_alt {
        faults.push(told(Diagnostic::error("image-alt", &[("src", source)]), source));
    }
    if scanned.has_style_attribute {
        faults.push(told(Diagnostic::warning("style-attribute", &[path]), "style="));
    }
    for code in &scanned.inline_code {
        faults.push(told(Diagnostic::error("inline-code", &[("code", code), path]), code));
    }
    for address in &scanned.foreign {
        faults.push(told(Diagnostic::error("foreign-source", &[("src", address), path]), address));
    }
    for (code, element) in &scanned.nesting {
        let text = format!("<{element}");
        let values = [("element", element.as_str()), path];
        faults.push(told(Diagnostic::warning(code, &values), &text));
    }
    let mut above = 0;
    for (level, id) in &scanned.headings {
        if *level > above + 1 && above > 0 {
            let values = [("level", level.to_string()), ("above", above.to_string())];
            let values = [(values[0].0, values[0].1.as_str()), (values[1].0, &values[1].1), ("id", id), path];
            faults.push(told(Diagnostic::warning("heading-order", &values), ""));
        }
        above = *level;
    }
    if scanned.headings.iter().filter(|(level, _)| *level == 1).count() > 1 {
        faults.push(told(Diagnostic::warning("heading-first-twice", &[path]), "\n# "));
    }
}

/// Pages that no other page leads to.
fn orphans(site: &Site, pages: &[Page<'_>], linked: &BTreeSet<String>) -> Vec<Diagnostic> {
    let is_home = |path: &str| aops_manifest::Language::ALL.iter().any(|language| language.root() == path);
    let alone = pages.iter().filter(|page| !linked.contains(&page.path) && !is_home(&page.path));
    let told = |page: &Page<'_>| {
        let file = &page.source(site)?.file;
        Some(Diagnostic::warning("page-orphan", &[("path", &page.path)]).in_file(file))
    };
    alone.filter_map(told).collect()
}

/// Every path that the site answers from files.
fn known_paths<'a>(site: &'a Site, pages: &'a [Page<'_>], extras: &'a [Extra<'_>]) -> BTreeSet<&'a str> {
    let mut known: BTreeSet<&str> = pages.iter().map(|page| page.path.as_str()).collect();
    known.extend(extras.iter().map(|extra| extra.path.as_str()));
    known.extend(site.dress.assets.iter().map(|asset| asset.path.as_str()));
    known.extend(site.copies.keys().map(String::as_str));
    known.extend(site.library.aliases.keys().chain(site.library.redirects.keys()).map(String::as_str));
    known
}

/// Files of the content tree that no page links to and no shortcode reads.
fn unused(site: &Site, linked: &BTreeSet<String>) -> Vec<Diagnostic> {
    let read: HashSet<_> = site.rendered.iter().flat_map(|one| &one.used).collect();
    let published: BTreeMap<_, _> = site.copies.iter().map(|(path, file)| (file, path)).collect();
    let mut faults = Vec::new();
    for file in &site.others {
        let is_linked = published.get(file).is_some_and(|path| linked.contains(path.as_str()));
        if !is_linked && !read.contains(file) {
            let content =
                file.ancestors().find(|folder| folder.ends_with("content")).and_then(|c| c.parent());
            let name = files::relative(content.unwrap_or(file), file);
            faults.push(Diagnostic::warning("file-unused", &[]).in_file(&name));
        }
    }
    faults
}

/// What documents lack: descriptions, titles of their own, translations.
fn lacks(site: &Site) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    let mut titles: HashMap<(aops_manifest::Language, &str), &str> = HashMap::new();
    let speaks_both = aops_manifest::Language::ALL.iter().all(|language| site.library.speaks(*language));
    for (id, document) in site.library.documents.iter().enumerate() {
        let file = &document.source.file;
        if document.description.is_none() && document.is_listed() {
            faults.push(Diagnostic::warning("description-missing", &[]).in_file(file));
        }
        if document.is_listed()
            && let Some(other) = titles.insert((document.language, &document.title), file)
        {
            let values = [("title", document.title.as_str()), ("other", other)];
            faults.push(Diagnostic::warning("title-twice", &values).in_file(file));
        }
        if speaks_both && document.is_listed() && site.library.translations[id].len() < 2 {
            let other = aops_manifest::Language::ALL.into_iter().find(|other| *other != document.language);
            let wanted = other.map_or("", locale::name);
            let fault = Diagnostic::note("translation-missing", &[("lang", wanted)]);
            faults.push(fault.in_file(file));
        }
    }
    faults
}
