//! A whole site in memory: everything read, every text rendered, ready to be set into templates.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use aops_manifest::Language;
use rayon::prelude::*;

use crate::assets::{self, Asset};
use crate::config::{BuildOptions, SiteConfig};
use crate::content::{self, Kind, Library};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::files;
use crate::i18n;
use crate::markdown::highlight::Highlighter;
use crate::markdown::{self, Environment, Rendered, links};
use crate::phases::Phases;
use crate::templates::{self, Shared, SiteFacts, Templates, base_context, light};
use crate::theme::Theme;

/// A site, read and rendered.
pub(crate) struct Site {
    pub(crate) theme: Theme,
    pub(crate) library: Arc<Library>,
    pub(crate) rendered: Vec<Rendered>,
    pub(crate) templates: Templates,
    pub(crate) shared: Arc<Shared>,
    pub(crate) facts: SiteFacts,
    pub(crate) assets: Vec<Asset>,
    /// Files of the content tree that are published as they are: URL path and file.
    pub(crate) copies: BTreeMap<String, PathBuf>,
    /// Every file of the content tree that is not Markdown.
    pub(crate) others: Vec<PathBuf>,
    pub(crate) for_gateway: BTreeMap<String, String>,
    /// Whether pages can be rendered without faults that follow from earlier ones.
    pub(crate) is_whole: bool,
}

impl Site {
    /// Reads and renders all; faults are added, and what can still be looked at is.
    pub(crate) fn load(
        config: &SiteConfig,
        options: &BuildOptions,
        phases: &mut Phases,
        faults: &mut Diagnostics,
    ) -> Self {
        let root = &options.root;
        let theme = Theme::load(root, &config.theme, faults);
        let loaded = content::load(root, options.drafts, faults);
        let withheld_any = !loaded.withheld.is_empty();
        let library = Arc::new(Library::new(loaded.documents, loaded.withheld, config, faults));
        phases.end("content");

        let with_code = library.documents.iter().any(|document| document.source.text.contains("```"));
        let (assets, names) = assets::load(root, &theme.folder, with_code, faults);
        let strings = i18n::load(root, &theme.folder, faults);
        let for_gateway = templates::for_gateway(root, &theme.folder, faults);
        let shared = Arc::new(Shared {
            library: Arc::clone(&library),
            strings,
            assets: names,
            early: OnceLock::new(),
            late: OnceLock::new(),
        });
        let before = faults.len();
        let mut templates = Templates::load(root, &theme.folder, &shared, faults);
        for (name, value) in &options.data {
            templates.tera.global_context().insert(name.clone(), value);
        }
        let is_whole = !withheld_any && faults.len() == before;
        phases.end("theme");

        let facts = SiteFacts::new(config, options.base_url.as_deref().unwrap_or(&config.base_url));
        let early = shared.early.get_or_init(|| light(&library, &facts, None));
        let highlighter = Highlighter::default();
        let rendered: Vec<Rendered> = library
            .documents
            .par_iter()
            .enumerate()
            .map(|(id, document)| {
                let mut context = base_context(&facts, document.language, &document.path);
                context.insert_value("page", early[id].clone());
                let environment = Environment {
                    library: &library,
                    highlighter: &highlighter,
                    tera: &templates.tera,
                    context: &context,
                };
                markdown::render(environment, document)
            })
            .collect();
        for one in &rendered {
            faults.extend(one.faults.iter().cloned());
        }
        faults.extend(broken_anchors(&library, &rendered));
        shared.late.get_or_init(|| light(&library, &facts, Some(&rendered)));
        phases.end("markdown");

        let copies = copies(&library, &loaded.others);
        let others = loaded.others;
        Self {
            theme,
            library,
            rendered,
            templates,
            shared,
            facts,
            assets,
            copies,
            others,
            for_gateway,
            is_whole,
        }
    }

    /// The languages that have pages.
    pub(crate) fn languages(&self) -> Vec<Language> {
        let has = |language: Language| self.library.documents.iter().any(|d| d.language == language);
        Language::ALL.into_iter().filter(|language| *language == Language::Fr || has(*language)).collect()
    }
}

fn broken_anchors(library: &Library, rendered: &[Rendered]) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    for (id, one) in rendered.iter().enumerate() {
        for link in &one.links {
            let Some(anchor) = &link.anchor else { continue };
            let known = &rendered[link.target].ids;
            if !known.contains(anchor) {
                let target = &library.documents[link.target].relative;
                let fault = links::broken_anchor(target, anchor, known.iter().map(String::as_str));
                faults.push(fault.at(&library.documents[id].source, link.span.clone()));
            }
        }
    }
    faults
}

/// Files beside a bundle are published beside its page; beside a section, only pictures are.
fn copies(library: &Library, others: &[PathBuf]) -> BTreeMap<String, PathBuf> {
    let owners: HashMap<&PathBuf, usize> = library
        .documents
        .iter()
        .enumerate()
        .filter(|(_, document)| document.kind != Kind::Page)
        .map(|(id, document)| (&document.folder, id))
        .collect();
    let mut copies = BTreeMap::new();
    for path in others {
        let mut folder = path.parent();
        while let Some(at) = folder {
            if let Some(id) = owners.get(&at.to_path_buf()) {
                let owner = &library.documents[*id];
                let name = files::relative(at, path);
                let picture = assets::content_type(&name).starts_with("image/");
                if owner.kind == Kind::Bundle || (picture && path.parent() == Some(at)) {
                    copies.insert(format!("{}{name}", owner.path), path.clone());
                }
                break;
            }
            folder = at.parent();
        }
    }
    copies
}
