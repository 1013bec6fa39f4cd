//! A Typst template and its data as a PDF that is an archive (PDF/A-2a, ISO 19005-2) and can be read aloud (PDF/UA-1,
//! ISO 14289-1). In a crate of its own, since Typst takes longest to compile.
//!
//! What people typed reaches a template as JSON alone, never as its source: it cannot become code. A template opens no
//! file, no network and no clock; its fonts are those of `typst-assets`.

mod world;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use typst::diag::{Severity, SourceDiagnostic};
use typst::foundations::{Datetime, Smart};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

use self::world::Sheet;

/// A template: Typst source, which reads its values by `json("data.json")`.
#[derive(Debug, Clone, Copy)]
pub struct Template {
    /// The name that faults are told under, such as `report.typ`.
    pub name: &'static str,
    /// The source.
    pub source: &'static str,
}

/// Why there is no PDF.
#[derive(Debug, thiserror::Error)]
pub enum TypesetError {
    /// The values cannot be written as JSON.
    #[error("the values of {template} cannot be written as JSON: {source}")]
    Values {
        /// The template's name.
        template: &'static str,
        /// What serde says.
        source: serde_json::Error,
    },
    /// The template does not compile with these values, or what it makes is no such PDF.
    #[error("{template}: {why}")]
    Template {
        /// The template's name.
        template: &'static str,
        /// Each fault with its line, one a line.
        why: String,
    },
}

/// Sets `values` by a template. The bytes depend on the template, the values and `made` alone.
///
/// # Errors
/// [`TypesetError`]: both are faults of the template, not of who asked.
pub fn pdf(template: Template, values: &serde_json::Value, made: Timestamp) -> Result<Vec<u8>, TypesetError> {
    let data = serde_json::to_vec(values)
        .map_err(|source| TypesetError::Values { template: template.name, source })?;
    let sheet = Sheet::new(template.source, data);
    let told = |faults: &[SourceDiagnostic]| TypesetError::Template {
        template: template.name,
        why: faults.iter().map(|fault| told(&sheet, fault)).collect::<Vec<_>>().join("\n"),
    };
    let document = typst::compile::<PagedDocument>(&sheet).output.map_err(|faults| told(&faults))?;
    let standards = PdfStandards::new(&[PdfStandard::A_2a, PdfStandard::Ua_1])
        .map_err(|why| TypesetError::Template { template: template.name, why: why.message().to_string() })?;
    let options = PdfOptions {
        ident: Smart::Auto,
        creator: Smart::Custom(Some("AOPS Conseil".into())),
        timestamp: datetime(made).map(typst_pdf::Timestamp::new_utc),
        standards,
        ..PdfOptions::default()
    };
    let pdf = typst_pdf::pdf(&document, &options).map_err(|faults| told(&faults));
    // What was laid out is remembered between reports of the same template, but not for ever.
    typst::comemo::evict(KEPT_RUNS);
    pdf
}

/// Results of the layout that none of so many runs asked for are forgotten.
const KEPT_RUNS: usize = 5;

fn told(sheet: &Sheet, fault: &SourceDiagnostic) -> String {
    let kind = match fault.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = sheet.line(fault).map_or_else(String::new, |line| format!("line {line}: "));
    let hints: String = fault.hints.iter().map(|hint| format!(" ({})", hint.v)).collect();
    format!("{place}{kind}: {}{hints}", fault.message)
}

fn datetime(at: Timestamp) -> Option<Datetime> {
    let at = at.to_zoned_datetime(TimeZone::UTC);
    let part = |part: i8| u8::try_from(part).ok();
    Datetime::from_ymd_hms(
        i32::from(at.year()),
        part(at.month())?,
        part(at.day())?,
        part(at.hour())?,
        part(at.minute())?,
        part(at.second())?,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: Template = Template {
        name: "hello.typ",
        source: "#set document(title: \"Essai\")\n#set text(lang: \"fr\")\n#let data = json(\"data.json\")\n= Essai\n#data.words\n",
    };

    fn made(words: &str) -> Result<Vec<u8>, TypesetError> {
        pdf(HELLO, &serde_json::json!({ "words": words }), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_template_and_its_values_are_a_tagged_archive() {
        let pdf = made("Bonjour").unwrap();
        assert!(pdf.starts_with(b"%PDF-1.7"));
        for mark in
            ["pdfaid:part>2<", "pdfaid:conformance>A<", "pdfuaid:part>1<", "/MarkInfo", "/StructTreeRoot"]
        {
            assert!(pdf.windows(mark.len()).any(|bytes| bytes == mark.as_bytes()), "{mark}");
        }
    }

    #[test]
    fn the_same_values_are_the_same_bytes() {
        assert_eq!(made("Bonjour").unwrap(), made("Bonjour").unwrap());
        assert_ne!(made("Bonjour").unwrap(), made("Bonsoir").unwrap());
    }

    #[test]
    fn words_are_words_and_no_code() {
        assert!(made("#panic(\"code\") $x$ *a* \\ #[").is_ok());
    }

    #[test]
    fn a_fault_of_a_template_is_told_with_its_line() {
        let wrong = Template { name: "wrong.typ", source: "= Titre\n#read(\"/etc/passwd\")\n" };
        let error = pdf(wrong, &serde_json::Value::Null, Timestamp::UNIX_EPOCH).unwrap_err().to_string();
        assert!(error.starts_with("wrong.typ: line 2: error: file not found"), "{error}");
    }
}
