//! What a template can see: itself, its values, fonts.

use std::sync::LazyLock;

use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Duration};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World, WorldExt};

static LIBRARY: LazyLock<LazyHash<Library>> = LazyLock::new(|| LazyHash::new(Library::default()));
static FONTS: LazyLock<Vec<Font>> =
    LazyLock::new(|| typst_assets::fonts().flat_map(|font| Font::iter(Bytes::new(font))).collect());
static BOOK: LazyLock<LazyHash<FontBook>> =
    LazyLock::new(|| LazyHash::new(FontBook::from_fonts(FONTS.iter())));

static MAIN: LazyLock<FileId> = LazyLock::new(|| id("main.typ"));
static DATA: LazyLock<FileId> = LazyLock::new(|| id("data.json"));

fn id(path: &'static str) -> FileId {
    // Both are plain names.
    let path = VirtualPath::new(path).unwrap_or_else(|never| unreachable!("{never}"));
    RootedPath::new(VirtualRoot::Project, path).intern()
}

/// One template with its values.
pub(crate) struct Sheet {
    source: Source,
    data: Bytes,
}

impl Sheet {
    pub(crate) fn new(source: &str, data: Vec<u8>) -> Self {
        Self { source: Source::new(*MAIN, source.to_owned()), data: Bytes::new(data) }
    }

    /// The line of the template, from 1, where a fault stands.
    pub(crate) fn line(&self, fault: &SourceDiagnostic) -> Option<usize> {
        let range = self.range(fault.span)?;
        self.source.lines().byte_to_line(range.start).map(|line| line + 1)
    }
}

impl World for Sheet {
    fn library(&self) -> &LazyHash<Library> {
        &LIBRARY
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &BOOK
    }

    fn main(&self) -> FileId {
        *MAIN
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == *MAIN { Ok(self.source.clone()) } else { Err(unknown(id)) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == *DATA { Ok(self.data.clone()) } else { Err(unknown(id)) }
    }

    fn font(&self, index: usize) -> Option<Font> {
        FONTS.get(index).cloned()
    }

    /// A template is told its date with its values.
    fn today(&self, _offset: Option<Duration>) -> Option<Datetime> {
        None
    }
}

fn unknown(id: FileId) -> FileError {
    FileError::NotFound(id.vpath().get_with_slash().into())
}
