//! Writes text and small pieces of HTML. It knows no event.

use aops_manifest::Language;

use super::typography::ordinal_endings;

/// Adds text with the five characters of HTML escaped.
pub(crate) fn escape(text: &str, out: &mut String) {
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let entity = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\'' => "&#39;",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        out.push_str(entity);
        from = at + 1;
    }
    out.push_str(&text[from..]);
}

/// Adds running text; in French the endings of ordinals are raised.
pub(super) fn running_text(text: &str, language: Language, out: &mut String) {
    let may_have_ordinals = language == Language::Fr
        && text.bytes().any(|b| b.is_ascii_digit() || matches!(b, b'I' | b'V' | b'X' | b'L' | b'C'));
    if !may_have_ordinals {
        return escape(text, out);
    }
    let mut from = 0;
    for ending in ordinal_endings(text) {
        escape(&text[from..ending.start], out);
        out.push_str("<sup>");
        escape(&text[ending.clone()], out);
        out.push_str("</sup>");
        from = ending.end;
    }
    escape(&text[from..], out);
}

/// The text of a piece of HTML, without its tags.
pub(crate) fn without_tags(html: &str) -> String {
    let mut text = String::with_capacity(html.len() / 2);
    let mut inside = false;
    for character in html.chars() {
        match character {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
