//! A whole site in memory: everything read, every text rendered, ready to be set into templates.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use aops_manifest::Language;
use rayon::prelude::*;
use tera::Value;

use crate::build::{self, BuildReport};
use crate::config::{BuildOptions, SiteConfig};
use crate::content::{self, Document, Kind, Library, Loaded};
use crate::copies;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::dress::Dress;
use crate::markdown::{self, Environment, Rendered, links};
use crate::pages;
use crate::phases::Phases;
use crate::pictures::Beside;
use crate::stamps::Stamps;
use crate::templates::{SiteFacts, World, light, own_value, with_children};

/// A site, read and rendered: what [`Site::load`] makes and [`Site::build`] writes.
pub struct Site {
    pub(crate) config: SiteConfig,
    pub(crate) options: BuildOptions,
    pub(crate) dress: Arc<Dress>,
    pub(crate) library: Arc<Library>,
    pub(crate) rendered: Vec<Arc<Rendered>>,
    pub(crate) world: Arc<World>,
    pub(crate) facts: Arc<SiteFacts>,
    /// Files of the content tree that are published as they are: URL path and file.
    pub(crate) copies: BTreeMap<String, PathBuf>,
    pub(crate) beside: Arc<Beside>,
    /// Every file of the content tree that is not Markdown.
    pub(crate) others: Vec<PathBuf>,
    /// Documents that are not published now: drafts, and those whose day has not come or has gone.
    pub(crate) unpublished: Vec<Arc<Document>>,
    /// By document: the path of its picture for social networks.
    pub(crate) cards: HashMap<usize, String>,
    pub(crate) stamps: Stamps,
    pub(crate) warnings: Diagnostics,
    pub(crate) phases: Phases,
    /// Whether pages can be rendered without faults that follow from earlier ones.
    pub(crate) is_whole: bool,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("root", &self.options.root).field("pages", &self.rendered.len()).finish()
    }
}

impl Site {
    /// Reads a site and renders its texts.
    ///
    /// # Errors
    /// Every fault found, with its place.
    pub fn load(config: &SiteConfig, options: &BuildOptions) -> Result<Self, Diagnostics> {
        let mut faults = Diagnostics::default();
        let mut site = Self::gather(config, options, &mut faults)?;
        if faults.has_errors() {
            faults.extend(pages::template_faults(&site));
            return Err(faults.ordered());
        }
        site.warnings = faults.ordered();
        Ok(site)
    }

    /// Writes the site into `options.output`, which is replaced as a whole, or left alone when anything is at fault.
    ///
    /// # Errors
    /// Every fault found, with its place; also that of an output that cannot be written.
    pub fn build(self) -> Result<BuildReport, Diagnostics> {
        build::whole(self).map(|(report, _)| report)
    }

    /// Reads and renders all; faults are added, and what can still be looked at is.
    pub(crate) fn gather(
        config: &SiteConfig,
        options: &BuildOptions,
        faults: &mut Diagnostics,
    ) -> Result<Self, Diagnostic> {
        let mut phases = Phases::begin();
        let loaded = content::load(options, config, faults);
        phases.end("content");
        let with_code = has_code(&loaded.documents);
        let dress = Dress::load(&options.root, &config.theme, &options.data, with_code, faults)?;
        phases.end("theme");
        Ok(Self::assemble(config, options, Arc::new(dress), loaded, None, phases, faults))
    }

    /// Joins documents and a theme; what an earlier site rendered and is still true is taken from it.
    pub(crate) fn assemble(
        config: &SiteConfig,
        options: &BuildOptions,
        dress: Arc<Dress>,
        loaded: Loaded,
        before: Option<(&Site, &BTreeSet<PathBuf>)>,
        mut phases: Phases,
        faults: &mut Diagnostics,
    ) -> Self {
        let Loaded { documents, withheld, unpublished, others } = loaded;
        let is_whole = withheld.is_empty() && dress.is_whole;
        let library = match before.and_then(|(before, _)| before.library.with_texts(&documents, &withheld)) {
            Some(library) => library,
            None => Library::new(documents, withheld, config, faults),
        };
        let library = Arc::new(library);
        let base_url = options.base_url.as_deref().unwrap_or(&config.base_url);
        let facts = Arc::new(SiteFacts::new(config, base_url, &options.data));
        let copies = copies::published(&library, &others);
        let search = build::search(&library, options);
        let widths = if options.plain { [].as_slice() } else { &config.picture_widths };
        let beside = Arc::new(Beside::new(&options.root, &copies, widths));
        let world = |library: &Arc<Library>| World {
            root: options.root.clone(),
            library: Arc::clone(library),
            facts: Arc::clone(&facts),
            strings: Arc::clone(&dress.strings),
            assets: Arc::clone(&dress.names),
            search: search.clone(),
            beside: Some(Arc::clone(&beside)),
            ..World::default()
        };
        let early = Arc::new(world(&library));
        dress.shared.set(early);
        phases.end("relations");

        let environment = Environment {
            library: &library,
            highlighter: &dress.highlighter,
            tera: &dress.templates.tera,
            signatures: &dress.signatures,
            facts: &facts,
            beside: &beside,
        };
        let reusable = before.map(|(before, changed)| before.still_true(&library, &dress, &others, changed));
        let rendered: Vec<Arc<Rendered>> = library
            .documents
            .par_iter()
            .enumerate()
            .map(|(id, document)| {
                let kept = reusable.as_ref().and_then(|reusable| reusable.get(id)?.clone());
                kept.unwrap_or_else(|| Arc::new(markdown::render(environment, document)))
            })
            .collect();
        // Shortcodes of a theme that could not be loaded are not unknown as well.
        let follows = |fault: &&Diagnostic| !dress.is_whole && fault.code.starts_with("shortcode-");
        for one in &rendered {
            faults.extend(one.faults.iter().filter(|fault| !follows(fault)).cloned());
        }
        faults.extend(broken_anchors(&library, &rendered));
        phases.end("markdown");

        let late = world(&library);
        let values = match before {
            Some((before, _)) => before.values_again(&library, &facts, &rendered),
            None => light(&library, &facts, Some(&rendered)),
        };
        // The world was made just now: nobody else has set its values.
        let _ = late.late.set(values);
        let world = Arc::new(late);
        dress.shared.set(Arc::clone(&world));
        let cards = build::card_paths(&library, config, options);
        let stamps = match before {
            Some((before, _)) => before.stamps.again(before, &library, &rendered, &world),
            None => Stamps::new(&library),
        };
        phases.end("values");
        Self {
            config: config.clone(),
            options: options.clone(),
            dress,
            library,
            rendered,
            world,
            facts,
            copies,
            beside,
            others,
            unpublished,
            cards,
            stamps,
            warnings: Diagnostics::default(),
            phases,
            is_whole,
        }
    }

    /// The languages that have pages.
    pub(crate) fn languages(&self) -> Vec<Language> {
        let speaks = |language: Language| language == Language::Fr || self.library.speaks(language);
        Language::ALL.into_iter().filter(|language| speaks(*language)).collect()
    }

    /// By document of a newer library: what this site rendered, where it would be rendered the same again.
    fn still_true(
        &self,
        library: &Library,
        dress: &Arc<Dress>,
        others: &[PathBuf],
        changed: &BTreeSet<PathBuf>,
    ) -> Vec<Option<Arc<Rendered>>> {
        let same_dress = Arc::ptr_eq(&self.dress, dress);
        let same_files = self.others == others;
        let ids: HashMap<&str, usize> =
            self.library.documents.iter().enumerate().map(|(id, d)| (&*d.source.file, id)).collect();
        let paths = |library: &Library| -> HashSet<(Arc<str>, String)> {
            library.documents.iter().map(|d| (Arc::clone(&d.source.file), d.path.clone())).collect()
        };
        let same_paths = self.library.documents.len() == library.documents.len()
            && self.library.documents.iter().zip(&library.documents).all(|(a, b)| a.path == b.path);
        let now = if same_paths { HashSet::new() } else { paths(library) };
        let then = if same_paths { HashSet::new() } else { paths(&self.library) };
        let moved: HashSet<&str> = now.symmetric_difference(&then).map(|(file, _)| &**file).collect();
        let kept = |(place, document): (usize, &Arc<Document>)| {
            let id = match self.library.documents.get(place) {
                Some(same) if Arc::ptr_eq(same, document) => place,
                _ => *ids.get(&*document.source.file)?,
            };
            if !Arc::ptr_eq(&self.library.documents[id], document) {
                return None;
            }
            let rendered = &self.rendered[id];
            let links_hold = moved.is_empty() || !rendered.links.iter().any(|l| moved.contains(&*l.target));
            // What shortcodes asked for may have changed; files beside may be others now.
            let calls_hold = !rendered.has_calls || (same_dress && same_paths && !rendered.asked);
            let files_hold = rendered.used.is_empty()
                || (same_files && !rendered.used.iter().any(|file| changed.contains(file)));
            (links_hold && calls_hold && files_hold && rendered.faults.is_empty())
                .then(|| Arc::clone(rendered))
        };
        library.documents.iter().enumerate().map(kept).collect()
    }

    /// The values of a newer library, those of unchanged documents taken from here.
    fn values_again(&self, library: &Library, facts: &SiteFacts, rendered: &[Arc<Rendered>]) -> Vec<Value> {
        let old = self.world.late.get().map(Vec::as_slice).unwrap_or_default();
        let same_facts = *facts == *self.facts;
        let own = |id: usize| {
            let document = &library.documents[id];
            let same = |old_id: usize| {
                document.kind != Kind::Section
                    && same_facts
                    && self.library.documents.get(old_id).is_some_and(|d| Arc::ptr_eq(d, document))
                    && Arc::ptr_eq(&self.rendered[old_id], &rendered[id])
            };
            if same(id)
                && let Some(value) = old.get(id)
            {
                return value.clone();
            }
            own_value(document, facts, Some(&rendered[id]))
        };
        with_children(library, (0..library.documents.len()).map(own).collect())
    }
}

/// Whether any text holds a block of code.
pub(crate) fn has_code(documents: &[Arc<Document>]) -> bool {
    documents.iter().any(|document| document.has_code)
}

fn broken_anchors(library: &Library, rendered: &[Arc<Rendered>]) -> Vec<Diagnostic> {
    let with_anchor = |one: &Arc<Rendered>| one.links.iter().any(|link| link.anchor.is_some());
    if !rendered.iter().any(with_anchor) {
        return Vec::new();
    }
    let ids: HashMap<&str, usize> =
        library.documents.iter().enumerate().map(|(id, d)| (&*d.source.file, id)).collect();
    let mut faults = Vec::new();
    for (id, one) in rendered.iter().enumerate() {
        for link in &one.links {
            let (Some(anchor), Some(target)) = (&link.anchor, ids.get(&*link.target)) else { continue };
            let known = &rendered[*target].ids;
            if !known.contains(anchor) {
                let target = &library.documents[*target].relative;
                let fault = links::broken_anchor(target, anchor, known.iter().map(String::as_str));
                faults.push(fault.at(&library.documents[id].source, link.span.clone()));
            }
        }
    }
    faults
}
