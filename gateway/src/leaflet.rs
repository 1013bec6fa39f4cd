//! A paper to keep: a title, and sections of words and tables. As HTML it is one file that asks nothing of anybody, as
//! PDF an archive that can be read aloud; as Markdown and CSV other programs take it up.

use aops_manifest::Language;
use aops_report::Imprint;
use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::web::site::{Site, SiteError};
use crate::working_days;

const TEMPLATE: &str = "gateway/feuillet.html";

/// A paper cannot be set: its template's fault.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the paper cannot be set: {0}")]
pub struct PdfError(String);

/// A paper.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Leaflet {
    /// Its title.
    pub title: String,
    /// What it is.
    pub lead: String,
    /// Its parts.
    pub sections: Vec<Section>,
    /// Other papers beside it: their files and titles.
    pub beside: Vec<(String, String)>,
}

/// A part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Section {
    /// Its title.
    pub title: String,
    /// Its paragraphs.
    pub text: Vec<String>,
    /// The heads of its table; none where the first column heads each line.
    pub head: Vec<String>,
    /// The lines of its table.
    pub rows: Vec<Vec<String>>,
}

impl Section {
    /// A table under its title.
    pub fn table(title: String, head: Vec<String>, rows: Vec<Vec<String>>) -> Self {
        Self { title, head, rows, text: Vec::new() }
    }

    /// Lines of a name and what is said of it.
    pub fn lines(title: String, lines: Vec<(String, String)>) -> Self {
        let rows = lines.into_iter().map(|(name, said)| vec![name, said]).collect();
        Self::table(title, Vec::new(), rows)
    }

    /// Paragraphs.
    pub fn words(title: String, text: Vec<String>) -> Self {
        Self { title, text, ..Self::default() }
    }
}

impl Leaflet {
    /// One file of HTML.
    ///
    /// # Errors
    /// What the template engine says.
    pub fn html(&self, site: &Site, language: Language) -> Result<String, SiteError> {
        site.alone(language, TEMPLATE, json!({ "leaflet": self }))
    }

    /// PDF/A-2a and PDF/UA-1, of the same words. It is set on a thread where it keeps nobody waiting.
    ///
    /// # Errors
    /// What the template says.
    pub async fn pdf(&self, app: &App, site: &Site, language: Language) -> Result<Vec<u8>, PdfError> {
        let texts = &site.texts;
        let (words, made) = (json!(self), app.clock.now());
        let day = texts.day(language, working_days::today(made));
        let imprint = Imprint {
            language: language.tag().to_owned(),
            author: app.settings.company.get("name").cloned().unwrap_or_default(),
            footer: texts.text(language, "feuillet.made", &[("day", &day)]),
            made,
        };
        let set = tokio::task::spawn_blocking(move || aops_report::leaflet(&words, &imprint)).await;
        set.map_err(|error| PdfError(error.to_string()))?.map_err(|error| PdfError(error.to_string()))
    }

    /// CommonMark with tables.
    pub fn markdown(&self) -> String {
        let mut text = format!("# {}\n\n{}\n", line(&self.title), line(&self.lead));
        for section in &self.sections {
            text += &format!("\n## {}\n", line(&section.title));
            for paragraph in &section.text {
                text += &format!("\n{}\n", line(paragraph));
            }
            let Some(first) = section.rows.first() else { continue };
            let empty = vec![String::new(); first.len()];
            let head = if section.head.is_empty() { &empty } else { &section.head };
            text += &format!("\n{}\n|{}\n", row(head), " --- |".repeat(head.len()));
            for cells in &section.rows {
                text += &format!("{}\n", row(cells));
            }
        }
        text
    }
}

fn row(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| line(cell).replace('|', "\\|")).collect();
    format!("| {} |", cells.join(" | "))
}

fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('<', "\\<")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_a_table_in_markdown_whatever_its_cells_hold() {
        let word = |text: &str| text.to_owned();
        let paper = Leaflet {
            title: word("Registre"),
            lead: word("Tenu\npar nous."),
            sections: vec![
                Section::lines(word("A"), vec![(word("nom|x"), word("<b>"))]),
                Section::words(word("B"), vec![word("Un mot.")]),
            ],
            beside: Vec::new(),
        };
        let expected = "# Registre\n\nTenu par nous.\n\n## A\n\n|  |  |\n| --- | --- |\n| nom\\|x | \\<b> |\n\n## B\n\nUn mot.\n";
        assert_eq!(paper.markdown(), expected);
    }
}
