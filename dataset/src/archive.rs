//! What a workbook unzips to, measured before anything of it is kept, and what it holds that is not wanted.
//! Not cells.

use std::io::{Cursor, Read};

use memchr::memmem;
use zip::ZipArchive;

use crate::bounds::Bounds;
use crate::fault::Fault;

const BUFFER: usize = 64 << 10;
/// The longest marker that is looked for.
const OVERLAP: usize = 16;
/// The longest run between two tags: Excel's cells have 32 767 characters, and each may take six bytes in XML.
const RUN: usize = 256 << 10;
/// Parts of a workbook; Excel's own have some dozens.
const MOST_PARTS: usize = 2000;

/// What is worth knowing of a workbook.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Looked {
    pub(crate) formulas: bool,
    pub(crate) merged: bool,
    pub(crate) external: bool,
}

/// Unzips every part into nothing, counting: what the file says of its sizes is not believed.
///
/// # Errors
/// No workbook, one with macros or a document type (which ECMA-376 part 2 § 8.1.4 forbids), or one too large.
pub(crate) fn look(bytes: &[u8], bounds: &Bounds) -> Result<Looked, Fault> {
    let wrong = |_| Fault::whole("not_a_workbook", &[]);
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(wrong)?;
    if archive.len() > MOST_PARTS || archive.index_for_name("[Content_Types].xml").is_none() {
        return Err(Fault::whole("not_a_workbook", &[]));
    }
    let mut looked = Looked::default();
    let mut left = bounds.unzipped;
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).map_err(|_| Fault::whole("not_a_workbook", &[]))?;
        let name = part.name().map_err(|_| Fault::whole("not_a_workbook", &[]))?.to_ascii_lowercase();
        if name.ends_with("vbaproject.bin") || name.contains("/macrosheets/") {
            return Err(Fault::whole("macros", &[]));
        }
        looked.external |= name.contains("/externallinks/");
        let most = if name.contains("/worksheets/") { left } else { left.min(bounds.part) };
        let mut seen = Seen::default();
        left -= seen.part(&mut part, most, bounds)?;
        if name.ends_with(".xml") || name.ends_with(".rels") {
            seen.judge()?;
        }
        looked.formulas |= seen.formulas;
        looked.merged |= seen.merged;
    }
    Ok(looked)
}

/// What passes by of one part.
#[derive(Debug, Default)]
struct Seen {
    formulas: bool,
    merged: bool,
    doctype: bool,
    macros: bool,
    /// Bytes since the last tag began, and the most of them.
    run: usize,
    longest: usize,
    /// How many strings the table of strings says that it has.
    said: u64,
    size: u64,
}

impl Seen {
    /// Reads a part to its end, at most `most` bytes; answers how many it has.
    fn part(&mut self, part: &mut impl Read, most: u64, bounds: &Bounds) -> Result<u64, Fault> {
        let too_large =
            || Fault::whole("unzips_too_large", &[("maximum", (bounds.unzipped >> 20).to_string())]);
        let mut buffer = vec![0; OVERLAP + BUFFER];
        let mut kept = 0;
        loop {
            let read = part.read(&mut buffer[kept..]).map_err(|_| Fault::whole("not_a_workbook", &[]))?;
            if read == 0 {
                return Ok(self.size);
            }
            self.size += read as u64;
            if self.size > most {
                return Err(too_large());
            }
            self.runs(&buffer[kept..kept + read]);
            self.markers(&buffer[..kept + read]);
            let end = kept + read;
            kept = end.min(OVERLAP);
            buffer.copy_within(end - kept..end, 0);
        }
    }

    fn runs(&mut self, bytes: &[u8]) {
        let mut from = 0;
        for at in memchr::memchr_iter(b'<', bytes) {
            self.longest = self.longest.max(self.run + at - from);
            (self.run, from) = (0, at);
        }
        self.run += bytes.len() - from;
        self.longest = self.longest.max(self.run);
    }

    fn markers(&mut self, bytes: &[u8]) {
        let has = |marker: &[u8]| memmem::find(bytes, marker).is_some();
        self.formulas = self.formulas || has(b"<f>") || has(b"<f ");
        self.merged = self.merged || has(b"<mergeCell ");
        // Both stand at the beginning, where they stand at all.
        if self.size <= (2 * BUFFER) as u64 {
            self.doctype = self.doctype || has(b"<!DOCTYPE") || has(b"<!ENTITY");
            self.macros = self.macros || has(b"macroEnabled");
            if let Some(at) = memmem::find(bytes, b"uniqueCount=") {
                let digits = bytes[at + 13..].iter().take_while(|byte| byte.is_ascii_digit());
                let said = digits.fold(0_u64, |said, digit| {
                    said.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
                });
                self.said = self.said.max(said);
            }
        }
    }

    fn judge(&self) -> Result<(), Fault> {
        if self.doctype {
            return Err(Fault::whole("doctype", &[]));
        }
        if self.macros {
            return Err(Fault::whole("macros", &[]));
        }
        if self.longest > RUN {
            let parameters = [("found", self.longest.to_string()), ("maximum", "32767".to_owned())];
            return Err(Fault::whole("cell_too_long", &parameters));
        }
        // Room is made for as many as it says before one is read: a string takes five bytes at least.
        if self.said > self.size {
            return Err(Fault::whole("not_a_workbook", &[]));
        }
        Ok(())
    }
}
