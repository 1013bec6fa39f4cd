//! Brings the content of another generator (Hugo, Jekyll, Zola) into `content/`: what to write, and what could not be
//! converted. Reading decides nothing on disk; only [`ImportPlan::write`] does.

mod front_matter;
mod hugo;
mod jekyll;
mod keys;
mod links;
mod origin;
mod pages;
mod write;
mod zola;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use aops_manifest::Language;

use crate::diagnostics::{Diagnostic, Diagnostics, Source};
use crate::files;
use pages::{Place, Role};

/// The generator that content was written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportFrom {
    /// Hugo.
    Hugo,
    /// Jekyll.
    Jekyll,
    /// Zola.
    Zola,
}

/// Where content comes from and where it goes.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Found out from the files when not given.
    pub from: Option<ImportFrom>,
    /// The language folder to write to.
    pub language: Language,
    /// A folder below it, `/`-separated; empty for the language folder itself.
    pub folder: String,
    /// The taxonomies of the site: terms of others are told.
    pub taxonomies: Vec<String>,
}

/// What an import would write.
#[derive(Debug)]
pub struct ImportPlan {
    /// The generator that content was written for.
    pub from: ImportFrom,
    /// In the order of their paths.
    pub files: Vec<ImportedFile>,
    /// What could not be converted; places are in the folder that was read.
    pub not_converted: Diagnostics,
}

/// One file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedFile {
    /// Relative to the root folder: `content/fr/articles/retraite.md`.
    pub path: String,
    /// What it holds.
    pub contents: ImportedContents,
}

/// What an imported file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportedContents {
    /// A Markdown file, converted.
    Text(String),
    /// A copy of that file, as it is.
    CopyOf(PathBuf),
}

/// Reads a folder written for another generator; nothing is written.
///
/// # Errors
/// The folder holds no content of a generator that is known, a target is not a plain folder, two files would be
/// one, or a file cannot be read.
pub fn import(dir: &Path, options: &ImportOptions) -> Result<ImportPlan, Diagnostics> {
    let folder = options.folder.trim_matches('/');
    if folder.split('/').any(|part| matches!(part, "." | "..") || part.contains('\\')) {
        return Err(Diagnostic::error("import-folder", &[("path", &options.folder)]).into());
    }
    let from = match options.from {
        Some(from) => from,
        None => origin::find_out(dir).ok_or_else(|| {
            Diagnostic::error("import-origin-unknown", &[("path", &dir.display().to_string())])
        })?,
    };
    let mut notes = Diagnostics::default();
    let places = places(dir, from, options.language, folder, &mut notes)?;
    let of_pages = places.iter().filter(|place| place.role != Role::Beside);
    let pages = pages::Pages(of_pages.map(|p| (p.relative.clone(), p.target.clone())).collect());
    if pages.0.is_empty() {
        return Err(Diagnostic::error("import-empty", &[("path", &dir.display().to_string())]).into());
    }
    let mut files = Vec::new();
    let mut used = BTreeSet::new();
    for place in &places {
        let contents = if place.role == Role::Beside {
            ImportedContents::CopyOf(place.path.clone())
        } else {
            let mut reader = Reader { dir, from, folder, pages: &pages, used: &mut used, notes: &mut notes };
            match reader.page(place)? {
                Some(text) => ImportedContents::Text(text),
                None => continue,
            }
        };
        files.push(ImportedFile { path: target_path(options.language, &place.target), contents });
    }
    for taxonomy in used.iter().filter(|name| !options.taxonomies.contains(name)) {
        notes.push(Diagnostic::warning("import-taxonomy", &[("name", taxonomy)]));
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(ImportPlan { from, files, not_converted: notes.ordered() })
}

/// Every file that is brought over and where it goes; a file that is left out is told.
fn places(
    dir: &Path,
    from: ImportFrom,
    language: Language,
    folder: &str,
    notes: &mut Diagnostics,
) -> Result<Vec<Place>, Diagnostics> {
    let content = match from {
        ImportFrom::Hugo | ImportFrom::Zola if dir.join("content").is_dir() => dir.join("content"),
        _ => dir.to_owned(),
    };
    if from != ImportFrom::Jekyll && dir.join("static").is_dir() {
        notes.push(Diagnostic::warning("import-left", &[("path", "static/")]).in_file("static"));
    }
    let mut faults = Diagnostics::default();
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    let mut places = Vec::new();
    for path in files::walk(dir, &content, &mut faults) {
        let shown = files::relative(dir, &path);
        let place = pages::place(from, language, &content, &path);
        let Some(mut place) = place else {
            if !jekyll::is_machinery(from, &shown) {
                let is_translation = from != ImportFrom::Jekyll && pages::is_text(&shown);
                let note = if is_translation {
                    Diagnostic::warning("import-language", &[("path", &shown)])
                } else {
                    Diagnostic::warning("import-left", &[("path", &shown)])
                };
                notes.push(note.in_file(&shown));
            }
            continue;
        };
        if !folder.is_empty() {
            place.target = format!("{folder}/{}", place.target);
        }
        if let Err(error) = File::open(&path) {
            faults.push(files::unreadable(&shown, &error));
        }
        if let Some(other) = owners.insert(place.target.clone(), shown.clone()) {
            let values = [("path", target_path(language, &place.target)), ("other", other)];
            let values: Vec<_> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
            faults.push(Diagnostic::error("import-twice", &values).in_file(&shown));
        }
        places.push(place);
    }
    if faults.is_empty() { Ok(places) } else { Err(faults.ordered()) }
}

fn target_path(language: Language, target: &str) -> String {
    format!("content/{}/{target}", language.tag())
}

/// What the conversion of every page needs.
struct Reader<'a> {
    dir: &'a Path,
    from: ImportFrom,
    folder: &'a str,
    pages: &'a pages::Pages,
    used: &'a mut BTreeSet<String>,
    notes: &'a mut Diagnostics,
}

impl Reader<'_> {
    /// A page for our generator, or nothing when it cannot be understood, which is told.
    fn page(&mut self, place: &Place) -> Result<Option<String>, Diagnostics> {
        let source = files::text(self.dir, &place.path)?;
        let matter = match front_matter::split(&source) {
            Ok(matter) => matter,
            Err(fault) => {
                self.notes.push(fault);
                return Ok(None);
            }
        };
        if matter.form.is_none() && self.from == ImportFrom::Jekyll {
            let left = Diagnostic::warning("import-left", &[("path", &source.file)]);
            self.notes.push(left.in_file(&source.file));
            return Ok(None);
        }
        let is_section = place.target.ends_with("_index.md");
        let mut converted = keys::convert(self.from, &matter.table, is_section, &place.said);
        for trouble in converted.troubles.drain(..) {
            let at = matter.place_of(&source, &trouble.key);
            let values = [("key", trouble.key.as_str()), ("value", trouble.value.as_str())];
            self.notes.push(Diagnostic::warning("import-value", &values).at(&source, at));
        }
        if !converted.table.contains_key("title") {
            let title = pages::title_of(&place.relative);
            let note = Diagnostic::warning("import-title", &[("title", &title)]);
            self.notes.push(note.in_file(&source.file));
            converted.table.insert("title".to_owned(), toml::Value::String(title));
        }
        if let Some(terms) = converted.table.get("taxonomies").and_then(toml::Value::as_table) {
            self.used.extend(terms.keys().cloned());
        }
        let text = self.body(place, &source, matter.body);
        let is_ours = matter.form == Some(front_matter::Form::Toml) && converted.table == matter.table;
        if is_ours && text == source.text[matter.body..] {
            return Ok(Some(source.text.to_string()));
        }
        Ok(Some(format!("{}{text}", front_matter::written(&converted.table))))
    }

    fn body(&mut self, place: &Place, source: &Source, body: usize) -> String {
        match self.from {
            ImportFrom::Hugo => {
                let text = hugo::body(source, body, &place.relative, self.pages, self.notes);
                links::converted(&text, &place.relative, self.pages)
            }
            ImportFrom::Jekyll => {
                let text = jekyll::body(source, body, self.pages, self.notes);
                links::converted(&text, &place.relative, self.pages)
            }
            ImportFrom::Zola => zola::body(&source.text[body..], self.folder),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_breaks_a_conversion(text in "(\\{\\{<?|%?\\}\\}|>\\}\\}|\\{%|%\\}| |raw|endraw|ref|\"|é|@/|a\\.md|---\n|\\+\\+\\+\n|[-:\n=\\[{]){0,24}") {
            let source = Source::new("a.md", text.as_str());
            let pages = pages::Pages([("a.md".to_owned(), "a.md".to_owned())].into());
            let mut notes = Diagnostics::default();
            hugo::body(&source, 0, "b.md", &pages, &mut notes);
            jekyll::body(&source, 0, &pages, &mut notes);
            zola::body(&text, "blog");
            links::converted(&text, "b.md", &pages);
            if let Ok(matter) = front_matter::split(&source) {
                prop_assert!(text.is_char_boundary(matter.body));
            }
        }
    }
}
