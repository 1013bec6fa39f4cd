//! What `build` does not look at: the finished pages as a reader's browser would follow them.

use std::collections::{BTreeMap, HashMap, HashSet};

use html5gum::{Token, Tokenizer};

use crate::build::{BuildOptions, Built, assemble};
use crate::config::SiteConfig;
use crate::diagnostics::{Diagnostic, Diagnostics};

/// Builds in memory and looks at every page; writes nothing.
///
/// # Errors
/// Every fault of the build, when there are any.
pub fn check(config: &SiteConfig, options: &BuildOptions) -> Result<Diagnostics, Diagnostics> {
    let built = assemble(config, options)?;
    let pages: BTreeMap<&str, Page> = built
        .output
        .files
        .iter()
        .filter(|(_, file)| file.language.is_some())
        .map(|(path, file)| (path.as_str(), Page::read(&file.bytes)))
        .collect();
    let mut faults = built.warnings.clone();
    let origin = |path: &str| built.origins.get(path).map_or(path, String::as_str).to_owned();
    for (path, page) in &pages {
        look_at(&built, &pages, path, page, &origin(path), &mut faults);
    }
    let mut titles: HashMap<(&str, &str), &str> = HashMap::new();
    for document in &built.library.documents {
        let file = document.file.as_str();
        if document.meta.description.is_none() && !document.meta.noindex {
            faults.0.push(Diagnostic::new("no_description", file, &[]).warning());
        }
        let key = (document.language.tag(), document.meta.title.as_str());
        if let Some(other) = titles.insert(key, file) {
            let values = [("title", key.1), ("other", other)];
            faults.0.push(Diagnostic::new("title_taken", file, &values).warning());
        }
    }
    unused(&built, &pages, &mut faults);
    Ok(faults.sorted())
}

/// What a page holds that can lead astray.
#[derive(Debug, Default)]
struct Page {
    ids: HashSet<String>,
    duplicates: Vec<String>,
    links: Vec<String>,
    /// Sources, and whether they have a text alternative.
    images: Vec<(String, bool)>,
}

impl Page {
    fn read(html: &[u8]) -> Self {
        let mut page = Self::default();
        for Ok(token) in Tokenizer::new(html) {
            let Token::StartTag(tag) = token else { continue };
            let attribute = |name: &str| {
                tag.attributes.get(name.as_bytes()).map(|value| String::from_utf8_lossy(value).into_owned())
            };
            if let Some(id) = attribute("id") {
                if !page.ids.insert(id.clone()) {
                    page.duplicates.push(id);
                }
            }
            match tag.name.as_slice() {
                b"a" | b"link" | b"area" => page.links.extend(attribute("href")),
                b"script" | b"source" => page.links.extend(attribute("src")),
                b"form" => page.links.extend(attribute("action").filter(|action| !action.is_empty())),
                b"img" => page.images.extend(attribute("src").map(|src| (src, tag.attributes.contains_key(b"alt".as_slice())))),
                _ => {}
            }
        }
        page
    }
}

fn look_at(built: &Built, pages: &BTreeMap<&str, Page>, path: &str, page: &Page, file: &str, faults: &mut Diagnostics) {
    for id in &page.duplicates {
        faults.0.push(Diagnostic::new("duplicate_id", file, &[("id", id)]));
    }
    for (src, described) in &page.images {
        if !described {
            faults.0.push(Diagnostic::new("image_alt", file, &[("src", src)]));
        }
        if local(src).is_some_and(|src| !exists(built, &resolved(path, src))) {
            faults.0.push(Diagnostic::new("image_missing", file, &[("src", src)]));
        }
    }
    for link in &page.links {
        let Some(inside) = local(link) else { continue };
        let (target, fragment) = inside.split_once('#').map_or((inside, None), |(target, fragment)| (target, Some(fragment)));
        let target = target.split('?').next().unwrap_or_default();
        let target = if target.is_empty() { path.to_owned() } else { resolved(path, target) };
        if !exists(built, &target) {
            faults.0.push(Diagnostic::new("broken_href", file, &[("href", link)]));
            continue;
        }
        let known = pages.get(target.as_str()).zip(fragment.filter(|fragment| !fragment.is_empty()));
        if known.is_some_and(|(page, fragment)| !page.ids.contains(fragment)) {
            faults.0.push(Diagnostic::new("broken_fragment", file, &[("href", link)]));
        }
    }
}

/// A link that stays on the site, without its scheme and host.
fn local(link: &str) -> Option<&str> {
    let elsewhere = link.starts_with("//")
        || link.split_once(':').is_some_and(|(scheme, _)| scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b)));
    (!elsewhere).then_some(link)
}

fn resolved(page: &str, link: &str) -> String {
    if link.starts_with('/') {
        return link.to_owned();
    }
    let folder = &page[..page.rfind('/').map_or(0, |slash| slash + 1)];
    format!("{folder}{}", link.trim_start_matches("./"))
}

/// Whether something answers at a path: a file, a former address, a form, or a route of the gateway.
fn exists(built: &Built, path: &str) -> bool {
    built.output.files.contains_key(path)
        || built.manifest.redirects.contains_key(path)
        || built.output.files.contains_key(&format!("{path}/"))
        || built.theme.facts.dynamic_routes.iter().any(|route| path.starts_with(route.as_str()))
}

/// Tells files of `content/` that no page shows, links or reads.
fn unused(built: &Built, pages: &BTreeMap<&str, Page>, faults: &mut Diagnostics) {
    let mut used: HashSet<String> = HashSet::new();
    for (path, page) in pages {
        let links = page.links.iter().chain(page.images.iter().map(|(src, _)| src));
        used.extend(links.filter_map(|link| local(link)).map(|link| resolved(path, link)));
    }
    for (file, path) in &built.library.attachments {
        let read = built.data_files.contains(file);
        // What figures are computed from belongs to them.
        let computed = file.ends_with("/requests.json");
        if !read && !computed && !used.contains(path) {
            faults.0.push(Diagnostic::new("unused_file", file, &[]).warning());
        }
    }
}
