//! One Markdown file: what it says of itself, and where it will stand.

use aops_manifest::Language;

use crate::content::front_matter::{self, FrontMatter};
use crate::content::slug;
use crate::diagnostics::Diagnostic;
use crate::files;

/// A Markdown file of `content/`.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) language: Language,
    /// Relative to the root folder: `content/fr/offres/ifc.md`.
    pub(crate) file: String,
    /// Relative to the language's folder: `offres/ifc.md`.
    pub(crate) relative: String,
    pub(crate) kind: Kind,
    pub(crate) meta: FrontMatter,
    pub(crate) source: String,
    /// Where the Markdown begins in `source`.
    pub(crate) body: usize,
    /// The address: `/offres/ifc/`. Settled by the library, which knows the sections.
    pub(crate) path: String,
}

/// What a file stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `_index.md`: its folder.
    Section,
    /// `index.md`: a page with its files in a folder of its own.
    Bundle,
    /// Any other: a page.
    Page,
}

impl Document {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with its bytes or its front matter.
    pub(crate) fn read(
        root: &std::path::Path,
        language: Language,
        file: &str,
        relative: &str,
    ) -> Result<Self, Diagnostic> {
        let source = files::read_text(root, file)?;
        let front_matter::Parsed { meta, body } = front_matter::parse(file, &source)?;
        let kind = match relative.rsplit('/').next() {
            Some("_index.md") => Kind::Section,
            Some("index.md") if relative != "index.md" => Kind::Bundle,
            _ => Kind::Page,
        };
        Ok(Self {
            language,
            file: file.to_owned(),
            relative: relative.to_owned(),
            kind,
            meta,
            source,
            body,
            path: String::new(),
        })
    }

    /// The Markdown.
    pub(crate) fn markdown(&self) -> &str {
        &self.source[self.body..]
    }

    /// The folder, relative to the language's, that this document's section governs or stands in:
    /// for a section, its parent's.
    pub(crate) fn parent_folder(&self) -> Option<&str> {
        let folder = files::folder_of(&self.relative);
        match self.kind {
            Kind::Page => Some(folder),
            Kind::Section if folder.is_empty() => None,
            Kind::Section | Kind::Bundle => Some(files::folder_of(folder)),
        }
    }

    /// The last part of its address.
    pub(crate) fn own_slug(&self) -> String {
        if let Some(slug) = &self.meta.slug {
            return slug.trim_matches('/').to_owned();
        }
        let folder = files::folder_of(&self.relative);
        let name = match self.kind {
            Kind::Page => self.relative.rsplit('/').next().unwrap_or_default().trim_end_matches(".md"),
            Kind::Section | Kind::Bundle => folder.rsplit('/').next().unwrap_or_default(),
        };
        slug(name)
    }

    /// What pairs it with its translations.
    pub(crate) fn translation_key(&self) -> &str {
        self.meta.translation_key.as_deref().unwrap_or(&self.relative)
    }
}
