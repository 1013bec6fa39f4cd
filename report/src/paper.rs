//! A business paper — an invoice, a credit note — as PDF/A-2a and PDF/UA-1: for an archive that must open in ten years,
//! and for whoever has it read aloud. It is told every word and sets them; it computes nothing.

use std::num::NonZeroU16;

use ab_glyph::{Font as _, FontRef, ScaleFont};
use jiff::civil::Date;
use krilla::Document;
use krilla::SerializeSettings;
use krilla::configure::{Accessibility, Archival, ConfigurationBuilder};
use krilla::geom::Point;
use krilla::metadata::{DateTime, Metadata};
use krilla::outline::Outline;
use krilla::page::PageSettings;
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, SpanTag, TableHeaderScope, Tag, TagGroup, TagTree,
};
use krilla::text::{Font, TextDirection};

/// A paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paper {
    /// The file's title.
    pub title: String,
    /// What stands on top.
    pub heading: String,
    /// RFC 5646.
    pub language: String,
    /// Whose paper it is.
    pub author: String,
    /// Its day.
    pub issued: Date,
    /// Who writes, line by line.
    pub seller: Vec<String>,
    /// To whom.
    pub buyer: Vec<String>,
    /// Names and values.
    pub facts: Vec<(String, String)>,
    /// Heads of the columns: the text first.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<PaperRow>,
    /// Names and amounts, the last one standing out.
    pub totals: Vec<(String, String)>,
    /// Sentences at the end.
    pub foot: Vec<String>,
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaperRow {
    /// What it is about.
    pub text: String,
    /// The other columns.
    pub cells: Vec<String>,
}

/// Why there is no paper.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the paper cannot be set: {0}")]
pub struct PaperError(String);

/// A4 in points, and its margins.
const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
const MARGIN: f32 = 56.0;
const RIGHT: f32 = WIDTH - MARGIN;
const SIZE: f32 = 9.5;
const LEADING: f32 = 14.0;
/// Columns of figures, from the right edge of each to the next.
const COLUMN: f32 = 86.0;
/// Where the address of an envelope's window begins.
const BUYER: f32 = 320.0;

/// The paper as PDF.
///
/// # Errors
/// [`PaperError`].
pub fn pdf(paper: &Paper) -> Result<Vec<u8>, PaperError> {
    let wrong = |why: &dyn std::fmt::Debug| PaperError(format!("{why:?}"));
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|error| wrong(&error))?;
    let settings = SerializeSettings { configuration, ..SerializeSettings::default() };
    let mut document = Document::new_with(settings);
    let bytes = epaint_default_fonts::UBUNTU_LIGHT;
    let font = Font::new(bytes.to_vec().into(), 0).ok_or_else(|| PaperError("no font".into()))?;
    let measure = FontRef::try_from_slice(bytes).map_err(|error| wrong(&error))?;
    let mut set = Setting { font, measure, tree: TagTree::new().with_lang(Some(paper.language.clone())) };
    let mut rows = paper.rows.iter().peekable();
    let mut first = true;
    while first || rows.peek().is_some() {
        let size = PageSettings::from_wh(WIDTH, HEIGHT).ok_or_else(|| PaperError("no page".into()))?;
        let mut page = document.start_page_with(size);
        let mut surface = page.surface();
        let mut y = MARGIN + 10.0;
        if first {
            y = set.head(&mut surface, paper, y);
        }
        let mut table = TagGroup::new(Tag::Table);
        y = set.columns(&mut surface, &mut table, &paper.columns, y);
        // The totals stand below the last rows of their page.
        let below = LEADING * (paper.totals.len() as f32 + 3.0 + 2.0 * paper.foot.len() as f32);
        let mut body = TagGroup::new(Tag::TBody);
        while let Some(row) = rows.peek() {
            let lines = set.wrapped(&row.text, RIGHT - MARGIN - COLUMN * row.cells.len() as f32 - 10.0).len();
            if y + LEADING * lines as f32 + below > HEIGHT - MARGIN {
                break;
            }
            y = set.row(&mut surface, &mut body, row, y);
            rows.next();
        }
        table.push(body);
        set.tree.push(table);
        if rows.peek().is_none() {
            set.end(&mut surface, paper, y + LEADING);
        }
        surface.finish();
        page.finish();
        // A row that fits on no page would never be set.
        if !first && rows.peek().is_some() && y <= MARGIN + 10.0 + 2.0 * LEADING {
            return Err(PaperError("a row is longer than a page".into()));
        }
        first = false;
    }
    let date = |part: i8| u8::try_from(part).unwrap_or(1);
    let metadata = Metadata::new()
        .title(paper.title.clone())
        .language(paper.language.clone())
        .authors(vec![paper.author.clone()])
        .creation_date(
            DateTime::new(u16::try_from(paper.issued.year()).unwrap_or_default())
                .month(date(paper.issued.month()))
                .day(date(paper.issued.day())),
        );
    document.set_metadata(metadata);
    document.set_outline(Outline::new());
    document.set_tag_tree(set.tree);
    document.finish().map_err(|error| wrong(&error))
}

struct Setting {
    font: Font,
    measure: FontRef<'static>,
    tree: TagTree,
}

impl Setting {
    /// What stands above the table.
    fn head(&mut self, surface: &mut Surface<'_>, paper: &Paper, mut y: f32) -> f32 {
        let heading = self.text(surface, MARGIN, y, 20.0, &paper.heading);
        let level = NonZeroU16::MIN;
        self.tree
            .push(TagGroup::with_children(Tag::Hn(level, Some(paper.heading.clone())), vec![heading.into()]));
        y += 2.0 * LEADING;
        let top = y;
        for line in &paper.seller {
            self.paragraph(surface, MARGIN, y, line);
            y += LEADING;
        }
        let mut beside = top;
        for line in paper.buyer.iter().flat_map(|line| self.wrapped(line, RIGHT - BUYER)).collect::<Vec<_>>()
        {
            self.paragraph(surface, BUYER, beside, &line);
            beside += LEADING;
        }
        y = y.max(beside) + LEADING;
        for (name, value) in &paper.facts {
            self.paragraph(surface, MARGIN, y, &format!("{name} {value}"));
            y += LEADING;
        }
        y + LEADING
    }

    fn columns(&self, surface: &mut Surface<'_>, table: &mut TagGroup, columns: &[String], y: f32) -> f32 {
        let mut row = TagGroup::new(Tag::TR);
        for (index, column) in columns.iter().enumerate() {
            let x = self.column(index, columns.len(), column);
            let cell = self.text(surface, x, y, SIZE, column);
            row.push(TagGroup::with_children(Tag::TH(TableHeaderScope::Column), vec![cell.into()]));
        }
        table.push(TagGroup::with_children(Tag::THead, vec![row.into()]));
        self.rule(surface, y + 5.0);
        y + LEADING + 4.0
    }

    fn row(&self, surface: &mut Surface<'_>, body: &mut TagGroup, row: &PaperRow, y: f32) -> f32 {
        let count = row.cells.len() + 1;
        let lines = self.wrapped(&row.text, RIGHT - MARGIN - COLUMN * row.cells.len() as f32 - 10.0);
        let mut told = TagGroup::new(Tag::TR);
        let mut first = TagGroup::new(Tag::TD);
        for (index, line) in lines.iter().enumerate() {
            first.push(self.text(surface, MARGIN, y + LEADING * index as f32, SIZE, line));
        }
        told.push(first);
        for (index, cell) in row.cells.iter().enumerate() {
            let x = self.column(index + 1, count, cell);
            let cell = self.text(surface, x, y, SIZE, cell);
            told.push(TagGroup::with_children(Tag::TD, vec![cell.into()]));
        }
        body.push(told);
        y + LEADING * lines.len().max(1) as f32
    }

    /// The totals and the sentences below.
    fn end(&mut self, surface: &mut Surface<'_>, paper: &Paper, mut y: f32) {
        self.rule(surface, y - LEADING + 2.0);
        for (index, (name, amount)) in paper.totals.iter().enumerate() {
            let size = if index + 1 == paper.totals.len() { SIZE + 2.0 } else { SIZE };
            let name_x = RIGHT - COLUMN - 10.0 - self.width(name, size);
            let name = self.text(surface, name_x, y, size, name);
            let amount = self.text(surface, RIGHT - self.width(amount, size), y, size, amount);
            self.tree.push(TagGroup::with_children(Tag::P, vec![name.into(), amount.into()]));
            y += LEADING + 1.0;
        }
        y += LEADING;
        for sentence in &paper.foot {
            let lines = self.wrapped(sentence, RIGHT - MARGIN);
            let mut paragraph = TagGroup::new(Tag::P);
            for line in lines {
                paragraph.push(self.text(surface, MARGIN, y, SIZE - 1.0, &line));
                y += LEADING - 1.0;
            }
            self.tree.push(paragraph);
        }
    }

    fn paragraph(&mut self, surface: &mut Surface<'_>, x: f32, y: f32, line: &str) {
        if !line.trim().is_empty() {
            let text = self.text(surface, x, y, SIZE, line);
            self.tree.push(TagGroup::with_children(Tag::P, vec![text.into()]));
        }
    }

    fn text(&self, surface: &mut Surface<'_>, x: f32, y: f32, size: f32, text: &str) -> Identifier {
        let tag = surface.start_tagged(ContentTag::Span(SpanTag::empty()));
        let at = Point::from_xy(x, y);
        surface.draw_text(at, self.font.clone(), size, &self.drawable(text), false, TextDirection::Auto);
        surface.end_tagged();
        tag
    }

    /// A line across, which says nothing.
    fn rule(&self, surface: &mut Surface<'_>, y: f32) {
        let Some(rectangle) = krilla::geom::Rect::from_xywh(MARGIN, y, RIGHT - MARGIN, 0.6) else { return };
        let mut path = krilla::geom::PathBuilder::new();
        path.push_rect(rectangle);
        if let Some(path) = path.finish() {
            surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Other)));
            surface.draw_path(&path);
            surface.end_tagged();
        }
    }

    /// Where the text of a column begins: on the left for the first, flush right for figures.
    fn column(&self, index: usize, count: usize, text: &str) -> f32 {
        match index {
            0 => MARGIN,
            _ => RIGHT - COLUMN * (count - 1 - index) as f32 - self.width(text, SIZE),
        }
    }

    /// The text in characters that the font has: a narrow blank is a blank, a minus sign a dash, anything else that
    /// lacks a question mark.
    fn drawable(&self, text: &str) -> String {
        let one = |c: char| match c {
            '\u{202f}' | '\u{2009}' => '\u{a0}',
            '\u{2212}' if !self.has(c) => '-',
            c if c.is_control() => ' ',
            c if self.has(c) => c,
            _ => '?',
        };
        text.chars().map(one).collect()
    }

    fn has(&self, c: char) -> bool {
        self.measure.glyph_id(c).0 != 0
    }

    fn width(&self, text: &str, size: f32) -> f32 {
        // krilla's sizes are those of the em square; ab_glyph's those of the font's whole height.
        let scale = size * self.measure.height_unscaled() / self.measure.units_per_em().unwrap_or(1000.0);
        let font = self.measure.as_scaled(scale);
        self.drawable(text).chars().map(|c| font.h_advance(font.glyph_id(c))).sum()
    }

    /// A text in lines of a width; a word that is too long stands alone.
    fn wrapped(&self, text: &str, width: f32) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            match lines.last_mut() {
                Some(line) if self.width(&format!("{line} {word}"), SIZE) <= width => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paper(rows: usize) -> Paper {
        let row = |index: usize| PaperRow {
            text: format!("Indemnités de fin de carrière, « site » n° {index}, œuvre et 1\u{202f}290 €"),
            cells: vec!["1".into(), "20\u{a0}%".into(), "1\u{202f}290,00\u{a0}€".into()],
        };
        Paper {
            title: "Facture TEST-000001".into(),
            heading: "Facture".into(),
            language: "fr".into(),
            author: "AOPS Conseil".into(),
            issued: jiff::civil::date(2026, 11, 27),
            seller: vec!["AOPS Conseil".into(), "3 rue de l’Arc de Triomphe".into()],
            buyer: vec![
                "Société d’essai".into(),
                "12 rue de l’Exemple, 75001 Paris, un bâtiment au fond de la cour".into(),
            ],
            facts: vec![("Numéro :".into(), "TEST-000001".into())],
            columns: ["Désignation", "Quantité", "TVA", "Montant HT"].map(String::from).to_vec(),
            rows: (0..rows).map(row).collect(),
            totals: vec![("Total HT".into(), "1 290,00 €".into()), ("Total TTC".into(), "1 548,00 €".into())],
            foot: vec!["Facture acquittée. 中".into()],
        }
    }

    #[test]
    fn a_paper_is_an_archival_and_accessible_pdf_of_as_many_pages_as_it_needs() {
        for (rows, pages) in [(1, 1), (60, 4), (130, 7)] {
            let bytes = pdf(&paper(rows)).unwrap();
            assert!(bytes.starts_with(b"%PDF-1.7"));
            let text = String::from_utf8_lossy(&bytes);
            for part in ["pdfaid:part", "pdfuaid:part", "/MarkInfo", "/StructTreeRoot"] {
                assert!(text.contains(part), "{part}");
            }
            assert!(text.contains(&format!("/Count {pages}")), "{rows} rows");
        }
    }

    #[test]
    fn the_same_paper_is_the_same_file() {
        assert_eq!(pdf(&paper(3)).unwrap(), pdf(&paper(3)).unwrap());
    }
}
