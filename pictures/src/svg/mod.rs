//! Drawings: how large they are, and the same drawing without what could run, fetch or tell; never their rendering.

mod clean;
mod danger;

use roxmltree::{Document, Error, Node, ParsingOptions, TextPos};

use crate::PictureError;

pub use clean::clean_svg;

pub(crate) const NAMESPACE: &str = "http://www.w3.org/2000/svg";

/// Far more than any drawing of a site holds.
const MOST_NODES: u32 = 500_000;
/// CSS pixels to the inch (CSS Values and Units 4, 6.2).
const INCH: f64 = 96.0;
/// What a browser gives a drawing that says nothing of its size (CSS 2.2, 10.3.2).
const UNSAID: (f64, f64) = (300.0, 150.0);

/// Whether these bytes look like a drawing: text that opens a tag.
pub(crate) fn opens(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    bytes.first() == Some(&b'<')
}

/// Width and height of a drawing in CSS pixels, rounded, from `width` and `height`, or else from `viewBox`.
///
/// # Errors
/// [`PictureError::NotAPicture`] if the root is no `svg`; otherwise as [`document`].
pub(crate) fn size(bytes: &[u8]) -> Result<(u32, u32), PictureError> {
    let text = text(bytes)?;
    let document = document(text)?;
    let root = root(&document)?;
    let width = attribute(root, "width").and_then(pixels);
    let height = attribute(root, "height").and_then(pixels);
    let (width, height) = match (width, height, attribute(root, "viewBox").and_then(view_box)) {
        (Some(width), Some(height), _) => (width, height),
        (Some(width), None, Some((across, down))) => (width, width * down / across),
        (None, Some(height), Some((across, down))) => (height * across / down, height),
        (None, None, Some(view)) => view,
        (width, height, None) => (width.unwrap_or(UNSAID.0), height.unwrap_or(UNSAID.1)),
    };
    Ok((whole(width), whole(height)))
}

fn text(bytes: &[u8]) -> Result<&str, PictureError> {
    let text = str::from_utf8(bytes).map_err(|_| PictureError::NotAPicture)?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Reads the XML, without any document type.
///
/// # Errors
/// [`PictureError::UnsafeSvg`] of a DOCTYPE or an entity, [`PictureError::MalformedSvg`],
/// [`PictureError::Truncated`].
fn document(text: &str) -> Result<Document<'_>, PictureError> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| match error {
        Error::DtdDetected => unsafe_at("DOCTYPE", position(text, text.find("<!DOCTYPE").unwrap_or(0))),
        Error::UnknownEntityReference(name, at) => unsafe_at(&format!("entity &{name};"), at),
        Error::NodesLimitReached => unsafe_at("too many nodes", TextPos::new(1, 1)),
        Error::UnclosedRootNode | Error::UnexpectedEndOfStream => PictureError::Truncated,
        Error::NoRootNode => PictureError::NotAPicture,
        other => {
            let at = other.pos();
            PictureError::MalformedSvg { what: other.to_string(), line: at.row, column: at.col }
        }
    })
}

fn root<'a, 'input>(document: &'a Document<'input>) -> Result<Node<'a, 'input>, PictureError> {
    let root = document.root_element();
    if root.tag_name().name() == "svg" && is_drawn(root) { Ok(root) } else { Err(PictureError::NotAPicture) }
}

/// Whether an element is one of SVG; drawings made to stand inside a page often leave the namespace out.
fn is_drawn(element: Node<'_, '_>) -> bool {
    matches!(element.tag_name().namespace(), None | Some(NAMESPACE))
}

/// The value of an attribute of SVG itself, not of the same name in another namespace.
fn attribute<'a>(element: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let mut attributes = element.attributes();
    attributes.find(|found| found.namespace().is_none() && found.name() == name).map(|found| found.value())
}

fn unsafe_at(what: &str, at: TextPos) -> PictureError {
    PictureError::UnsafeSvg { what: what.to_owned(), line: at.row, column: at.col }
}

/// Line and column of a byte, both from 1.
fn position(text: &str, byte: usize) -> TextPos {
    let before = text.get(..byte).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    TextPos::new(line as u32, column as u32)
}

/// A length in CSS pixels; `None` of percentages, font units, and what is no positive length.
fn pixels(length: &str) -> Option<f64> {
    let length = length.trim();
    let unit_at = length.find(|c: char| c.is_ascii_alphabetic() || c == '%').unwrap_or(length.len());
    let (number, unit) = length.split_at(unit_at);
    let scale = match unit {
        "" | "px" => 1.0,
        "in" => INCH,
        "cm" => INCH / 2.54,
        "mm" => INCH / 25.4,
        "pt" => INCH / 72.0,
        "pc" => INCH / 6.0,
        _ => return None,
    };
    number.trim().parse::<f64>().ok().map(|number| number * scale).filter(|length| is_length(*length))
}

/// Width and height of a `viewBox`.
fn view_box(value: &str) -> Option<(f64, f64)> {
    let numbers: Vec<f64> = value
        .split(|c: char| c == ',' || c.is_ascii_whitespace())
        .filter(|number| !number.is_empty())
        .map(|number| number.parse().ok())
        .collect::<Option<_>>()?;
    let [_, _, width, height] = numbers[..] else { return None };
    (is_length(width) && is_length(height)).then_some((width, height))
}

fn is_length(length: f64) -> bool {
    length.is_finite() && length > 0.0
}

fn whole(length: f64) -> u32 {
    length.round().clamp(1.0, f64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_says_its_size_in_many_ways() {
        let cases = [
            (r#"width="120" height="80""#, (120, 80)),
            (r#"width="120px" height="80.4px" viewBox="0 0 1 1""#, (120, 80)),
            (r#"width="1in" height="25.4mm""#, (96, 96)),
            (r#"viewBox="0 0 24 12""#, (24, 12)),
            (r#"viewBox="-5,-5,24,12" width="100%" height="100%""#, (24, 12)),
            (r#"viewBox="0 0 24 12" width="48""#, (48, 24)),
            (r#"viewBox="0 0 24 12" height="48""#, (96, 48)),
            (r#"viewBox="0 0 0 12""#, (300, 150)),
            ("", (300, 150)),
        ];
        for (attributes, expected) in cases {
            let drawing = format!("<svg xmlns='{NAMESPACE}' {attributes}/>");
            assert_eq!(size(drawing.as_bytes()), Ok(expected), "{attributes}");
        }
    }

    #[test]
    fn a_page_is_no_drawing() {
        for text in ["<html></html>", "<x:svg xmlns:x='urn:other'/>", "\u{feff}<!-- nothing -->"] {
            assert_eq!(size(text.as_bytes()), Err(PictureError::NotAPicture), "{text}");
        }
    }

    #[test]
    fn a_fault_is_told_with_its_place() {
        let cut = size(b"<svg><g>");
        assert_eq!(cut, Err(PictureError::Truncated));
        let Err(PictureError::MalformedSvg { line, column, .. }) = size(b"<svg>\n  <g></p>\n</svg>") else {
            panic!("a wrong closing tag was read");
        };
        assert_eq!((line, column), (2, 6));
    }
}
