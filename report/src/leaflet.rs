//! A paper of words and tables — a processing sheet, an annex to a contract, a yearly report — as PDF/A-2a and PDF/UA-1: it
//! is told every word and sets them.

use aops_typeset::{Template, TypesetError};
use jiff::Timestamp;
use serde_json::{Value, json};

const TEMPLATE: Template =
    Template { name: "leaflet.typ", source: include_str!("../../themes/aops/reports/leaflet.typ") };

/// What a leaflet bears beside its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imprint {
    /// RFC 5646.
    pub language: String,
    /// Whose paper it is.
    pub author: String,
    /// The line at the foot of each page.
    pub footer: String,
    /// When it was made.
    pub made: Timestamp,
}

/// Sets a leaflet: an object with `title`, `lead` and `sections`, each of `title`, `text` (paragraphs), `head` and `rows`
/// (texts; without a head, each row is a name and what is said of it). The same words and imprint give the same bytes.
///
/// # Errors
/// [`TypesetError`]: the template's fault, or an object of another form.
pub fn leaflet(words: &Value, imprint: &Imprint) -> Result<Vec<u8>, TypesetError> {
    let values = json!({
        "title": words["title"],
        "lead": words["lead"],
        "sections": words["sections"],
        "lang": imprint.language,
        "author": imprint.author,
        "footer": imprint.footer,
    });
    aops_typeset::pdf(TEMPLATE, &values, imprint.made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{bare, read};

    fn imprint() -> Imprint {
        Imprint {
            language: "fr".into(),
            author: "AOPS Conseil".into(),
            footer: "Établi le 1er mars 2027".into(),
            made: Timestamp::UNIX_EPOCH,
        }
    }

    fn section(head: &[&str], rows: &[&[&str]]) -> Value {
        json!({ "title": "Partie", "text": ["Un paragraphe, avec des mots."], "head": head, "rows": rows })
    }

    #[test]
    fn every_word_of_a_leaflet_stands_in_its_pdf_whatever_it_holds() {
        let wide: Vec<String> = (0..9).map(|column| format!("Colonne{column}")).collect();
        let wide: Vec<&str> = wide.iter().map(String::as_str).collect();
        let words = json!({
            "title": "Fiche de traitement",
            "lead": "Article 30 du RGPD.",
            "sections": [
                section(&[], &[&["Finalité", "calculer #panic(\"non\") *gras* $x$"], &["Durée", "6 mois"]]),
                section(&["Nom", "Pays"], &[&["DigitalOcean", "États-Unis"], &["", "–"]]),
                section(&wide, &[&wide]),
                section(&[], &[]),
            ],
        });
        let pdf = leaflet(&words, &imprint()).unwrap();
        assert_eq!(pdf, leaflet(&words, &imprint()).unwrap());
        for mark in ["pdfaid:part>2<", "pdfuaid:part>1<", "/StructTreeRoot"] {
            assert!(pdf.windows(mark.len()).any(|bytes| bytes == mark.as_bytes()), "{mark}");
        }
        let text = read(&pdf);
        for said in
            ["Fiche de traitement", "Article 30", "#panic(\"non\") *gras* $x$", "DigitalOcean", "Colonne8"]
        {
            assert!(text.contains(&bare(said)), "{said} in {text}");
        }
        assert!(text.contains(&bare("Établi le 1er mars 2027")), "{text}");
    }

    #[test]
    fn a_leaflet_of_another_form_is_told_and_no_paper() {
        let error = leaflet(&json!({ "title": "x", "lead": "", "sections": 1 }), &imprint()).unwrap_err();
        assert!(error.to_string().contains("leaflet.typ"), "{error}");
    }
}
