//! A site that is served while it is written: each change rebuilds what depends on it and nothing else.
//!
//! It writes into the output folder file by file, each in one step, and hands over what changed so that it can be
//! served before it is on disk.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aops_manifest::{Cache, Entry, FILE_NAME, Language, Manifest};
use rayon::prelude::*;

use crate::assets::content_type;
use crate::build::{self, BuildReport, Built};
use crate::config::{BuildOptions, SiteConfig};
use crate::content::{self, Document, Loaded, documents};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::dress::Dress;
use crate::extras;
use crate::files;
use crate::output::{self, Output, csp};
use crate::pages;
use crate::phases::Phases;
use crate::site::{self, Site};
use crate::templates::Touched;

/// A site and what stands in its output.
pub struct Session {
    site: Site,
    manifest: Manifest,
    /// By path of a page: what it was made from, and what its template asked for.
    made: HashMap<String, (u64, Touched)>,
    /// By path of another made file: what it was made from.
    extras: HashMap<String, u64>,
    /// Changed files that could not be taken yet because something was at fault.
    pending: BTreeSet<PathBuf>,
    unwritten: Vec<(String, Vec<u8>)>,
    removed: Vec<String>,
}

/// What a change of the site changed in its output.
#[derive(Debug)]
pub struct Change {
    /// What is served by path, the bytes with how to serve them.
    pub files: Vec<(String, Entry, Vec<u8>)>,
    /// Paths that are served no more.
    pub removed: Vec<String>,
    /// The whole manifest, without its entries when only files changed.
    pub manifest: Manifest,
    /// From the first look at the changed files to here.
    pub elapsed: Duration,
    /// What somebody should look at.
    pub warnings: Diagnostics,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("site", &self.site).field("pending", &self.pending).finish()
    }
}

impl Session {
    /// Builds the whole site into its output folder.
    ///
    /// # Errors
    /// Every fault found, as [`crate::build()`].
    pub fn begin(config: &SiteConfig, options: &BuildOptions) -> Result<(Self, BuildReport), Diagnostics> {
        let mut options = options.clone();
        // Changed files are told by their whole paths.
        let refused = |error: std::io::Error| output::failed(&options.root, &error);
        options.root = options.root.canonicalize().map_err(refused)?;
        let (report, built) = build::whole(Site::load(config, &options)?)?;
        Ok((Self::of(built), report))
    }

    fn of(built: Built) -> Self {
        let Built { site, manifest, mut touched } = built;
        let made = pages::plan(&site)
            .into_iter()
            .map(|page| {
                let asked = touched.remove(&page.path).unwrap_or_default();
                let key = page.key(&site, &asked);
                (page.path, (key, asked))
            })
            .collect();
        let extras =
            extras::plan(&site).into_iter().map(|extra| (extra.path.clone(), extra.key(&site))).collect();
        Self {
            site,
            manifest,
            made,
            extras,
            pending: BTreeSet::new(),
            unwritten: Vec::new(),
            removed: Vec::new(),
        }
    }

    /// Takes changed files; nothing of the output changes when any of them is at fault, and they are tried again
    /// with the next change.
    ///
    /// # Errors
    /// Every fault of the site as it would be.
    pub fn apply(&mut self, changed: &BTreeSet<PathBuf>) -> Result<Change, Diagnostics> {
        let begun = Instant::now();
        self.pending.extend(changed.iter().cloned());
        let mut faults = Diagnostics::default();
        let site = match self.next_site(&mut faults) {
            Ok(site) => site,
            Err(fault) => {
                faults.push(fault);
                return Err(self.keep(faults));
            }
        };
        if faults.has_errors() {
            return Err(self.keep(faults));
        }
        match self.rebuild(&site, &mut faults) {
            Ok((files, removed)) if !faults.has_errors() => {
                let mut manifest = Manifest { entries: Default::default(), ..self.manifest.clone() };
                manifest.build.clone_from(&self.manifest.build);
                self.site = site;
                self.pending.clear();
                let warnings = faults.ordered();
                Ok(Change { files, removed, manifest, elapsed: begun.elapsed(), warnings })
            }
            _ => Err(self.keep(faults)),
        }
    }

    /// Writes to the output folder what changes handed over.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&mut self) -> Result<(), Diagnostics> {
        let folder = self.site.options.output.clone();
        for (file, bytes) in std::mem::take(&mut self.unwritten) {
            output::replace(&folder, &file, &bytes)?;
        }
        for file in std::mem::take(&mut self.removed) {
            output::remove(&folder, &file);
        }
        let json = serde_json::to_vec(&self.manifest)
            .map_err(|error| output::failed(&folder.join(FILE_NAME), &error.into()))?;
        output::replace(&folder, FILE_NAME, &json)?;
        Ok(())
    }

    /// The world of templates is again that of the site that is served.
    fn keep(&self, faults: Diagnostics) -> Diagnostics {
        self.site.dress.shared.set(Arc::clone(&self.site.world));
        faults.ordered()
    }

    /// The site with the pending files as they are now.
    fn next_site(&self, faults: &mut Diagnostics) -> Result<Site, Diagnostic> {
        let (config, options) = (&self.site.config, &self.site.options);
        let root = &options.root;
        let theme = root.join("themes");
        let mut phases = Phases::begin();
        let loaded = self.documents(faults)?;
        phases.end("content");
        let with_code = site::has_code(&loaded.documents);
        let dress_changed = self.pending.iter().any(|path| path.starts_with(&theme))
            || with_code != self.site.dress.with_code;
        let dress = if dress_changed {
            Arc::new(Dress::load(root, &config.theme, &options.data, with_code, faults)?)
        } else {
            Arc::clone(&self.site.dress)
        };
        phases.end("theme");
        Ok(Site::assemble(config, options, dress, loaded, Some((&self.site, &self.pending)), phases, faults))
    }

    /// The documents, those of changed files read again.
    fn documents(&self, faults: &mut Diagnostics) -> Result<Loaded, Diagnostic> {
        let Site { config, options, library, unpublished, others, .. } = &self.site;
        let content = options.root.join("content");
        let in_content = |path: &&PathBuf| path.starts_with(&content);
        let texts: Vec<&PathBuf> =
            self.pending.iter().filter(in_content).filter(|path| content::is_markdown(path)).collect();
        // A folder that came or went, or a file that is no text: the tree is walked again.
        let known: HashSet<&Path> = others.iter().map(PathBuf::as_path).collect();
        let walk_again =
            self.pending.iter().filter(in_content).any(|path| {
                !content::is_markdown(path) && (!known.contains(path.as_path()) || !path.is_file())
            });
        let all = || library.documents.iter().chain(unpublished);
        let cascades = all().any(|document| document.front.cascade.is_some());
        let home_made_up =
            all().any(|d| d.relative == "_index.md" && !options.root.join(&*d.source.file).is_file());
        if walk_again || cascades || home_made_up || config.updated_from_git {
            return Ok(content::load(options, config, faults));
        }
        let mut documents: Vec<Arc<Document>> = all().cloned().collect();
        for path in texts {
            let file = files::relative(&options.root, path);
            documents.retain(|document| *document.source.file != *file);
            if !path.is_file() {
                continue;
            }
            for language in Language::ALL {
                let folder = content::folder_of(&options.root, language);
                if path.starts_with(&folder) {
                    let one = documents::File { language, folder, path: path.clone() };
                    match documents::read(&options.root, &one) {
                        Ok(document) if document.front.cascade.is_some() => {
                            return Ok(content::load(options, config, faults));
                        }
                        Ok(document) => documents.push(Arc::new(document)),
                        Err(found) => faults.extend(found),
                    }
                }
            }
        }
        documents.sort_by(|a, b| (a.language, &a.relative).cmp(&(b.language, &b.relative)));
        let (documents, unpublished): (Vec<_>, Vec<_>) =
            documents.into_iter().partition(|d| d.is_published(options.today, options.drafts));
        let paths_changed = documents.len() != library.documents.len()
            || documents.iter().zip(&library.documents).any(|(now, then)| now.path != then.path);
        if paths_changed {
            faults.extend(content::shared_addresses(&documents));
        }
        Ok(Loaded { documents, withheld: HashSet::new(), unpublished, others: others.clone() })
    }

    /// Makes again what is not true any more, and takes what is new and what is gone into the manifest.
    #[expect(clippy::type_complexity, reason = "the two halves of a change, taken apart by its only caller")]
    fn rebuild(
        &mut self,
        site: &Site,
        faults: &mut Diagnostics,
    ) -> Result<(Vec<(String, Entry, Vec<u8>)>, Vec<String>), Diagnostics> {
        let plan = pages::plan(site);
        let plan_extras = extras::plan(site);
        faults.extend(build::collisions(site, &plan, &plan_extras));
        let same_dress = Arc::ptr_eq(&site.dress, &self.site.dress);
        let mut planned: HashSet<String> = plan.iter().map(|page| page.path.clone()).collect();
        let stale: Vec<pages::Page<'_>> = plan
            .into_par_iter()
            .filter(|page| {
                !same_dress
                    || self.made.get(&page.path).is_none_or(|(key, asked)| page.key(site, asked) != *key)
            })
            .collect();
        let mut files: Vec<(String, Entry, Vec<u8>)> = Vec::new();
        let mut made = Vec::new();
        let rendered = pages::render(site, &stale, |page, html, asked| {
            let facts = Some((page.language, csp::policy(&html, &site.options.page_sources)));
            let bytes = html.into_bytes();
            let content_type = content_type("a.html");
            let output = Output {
                path: &page.path,
                content_type,
                bytes: &bytes,
                cache: Cache::Revalidate,
                page: facts,
            };
            let (path, entry) = output::entry(output);
            Ok((path, entry, bytes, page.key(site, &asked), asked))
        });
        for result in rendered {
            match result {
                Ok((path, entry, bytes, key, asked)) => {
                    made.push((path.clone(), (key, asked)));
                    if self.manifest.entries.get(&path).is_none_or(|old| old.etag != entry.etag) {
                        files.push((path, entry, bytes));
                    }
                }
                Err(fault) => faults.push(fault),
            }
        }
        let mut extra_keys = Vec::new();
        for extra in &plan_extras {
            planned.insert(extra.path.clone());
            let key = extra.key(site);
            if self.extras.get(&extra.path) != Some(&key) {
                let content_type = extras::content_type_of(&extra.path);
                match extra.bytes(site) {
                    Ok(bytes) => files.push(file(&extra.path, content_type, bytes, Cache::Revalidate)),
                    Err(fault) => faults.push(fault),
                }
            }
            extra_keys.push((extra.path.clone(), key));
        }
        for asset in &site.dress.assets {
            planned.insert(asset.path.clone());
            let cache = if asset.fingerprinted { Cache::Immutable } else { Cache::Revalidate };
            if !same_dress {
                files.push(file(&asset.path, content_type(&asset.path), asset.bytes.clone(), cache));
            }
        }
        for (path, source) in &site.copies {
            planned.insert(path.clone());
            if self.pending.contains(source) || !self.manifest.entries.contains_key(path) {
                match site.beside.served(source) {
                    Ok(bytes) => files.push(file(path, content_type(path), bytes, Cache::Revalidate)),
                    Err(fault) => faults.push(fault),
                }
            }
        }
        let asked =
            self.made.iter().map(|(_, (_, asked))| asked).chain(made.iter().map(|(_, (_, asked))| asked));
        for (_, picture) in build::shown(site, asked) {
            let paths: Vec<String> = picture.form_paths().collect();
            let all_there = paths.iter().all(|path| self.manifest.entries.contains_key(path));
            planned.extend(paths);
            if all_there {
                continue;
            }
            match site.beside.forms(picture) {
                Ok(forms) => {
                    files.extend(forms.into_iter().map(|(path, form)| {
                        file(&path, form.kind.media_type(), form.bytes, Cache::Immutable)
                    }))
                }
                Err(fault) => faults.push(fault),
            }
        }
        let mut shell_faults = Vec::new();
        let shells = if same_dress { None } else { Some(pages::shells(site, &mut shell_faults)) };
        faults.extend(shell_faults);
        if faults.has_errors() {
            return Err(Diagnostics::default());
        }
        let mut manifest = std::mem::take(&mut self.manifest);
        let gone: Vec<String> =
            manifest.entries.keys().filter(|path| !planned.contains(*path)).cloned().collect();
        for path in &gone {
            self.made.remove(path);
            if let Some(entry) = manifest.entries.remove(path) {
                self.removed.push(entry.file);
            }
        }
        for (path, entry, bytes) in &files {
            self.unwritten.push((entry.file.clone(), bytes.clone()));
            manifest.entries.insert(path.clone(), entry.clone());
        }
        let shells = shells.unwrap_or_else(|| manifest.shells.into_iter().collect());
        self.manifest = build::manifest(site, manifest.entries, shells);
        self.made.extend(made);
        self.extras = extra_keys.into_iter().collect();
        Ok((files, gone))
    }
}

/// A file with how to serve it.
fn file(path: &str, content_type: &str, bytes: Vec<u8>, cache: Cache) -> (String, Entry, Vec<u8>) {
    let (path, entry) = output::entry(Output { path, content_type, bytes: &bytes, cache, page: None });
    (path, entry, bytes)
}
