//! Finding shortcodes in Markdown: `{{ name(key="value") }}`, and `{% name(…) %}` … `{% end %}` around a body.
//!
//! Each is replaced by a mark that Markdown lets through; [`super::render`] sets the result where the mark
//! comes out, so that headings inside bodies are met in their order.

use std::ops::Range;

use tera::Value;

use crate::diagnostics::Diagnostic;

/// Begins a mark; private use, so that no text holds it.
pub(super) const MARK_START: char = '\u{e000}';
/// Ends a mark.
pub(super) const MARK_END: char = '\u{e001}';

/// A shortcode as written.
#[derive(Debug)]
pub(super) struct Shortcode<'a> {
    pub(super) name: &'a str,
    pub(super) arguments: Vec<(&'a str, Value)>,
    /// The Markdown between the two tags, and where it begins in the text.
    pub(super) body: Option<(&'a str, usize)>,
    /// Where it stands in the text.
    pub(super) range: Range<usize>,
}

/// A text whose shortcodes have been replaced by marks.
#[derive(Debug)]
pub(super) struct Marked<'a> {
    pub(super) text: String,
    pub(super) shortcodes: Vec<Shortcode<'a>>,
    /// From offsets of `text` to those of the original: where each copied piece begins.
    pieces: Vec<(usize, usize)>,
}

impl Marked<'_> {
    /// Where something of the marked text stands in the original one.
    pub(super) fn original(&self, offset: usize) -> usize {
        let piece = self.pieces.partition_point(|(marked, _)| *marked <= offset).saturating_sub(1);
        self.pieces.get(piece).map_or(offset, |(marked, original)| original + offset.saturating_sub(*marked))
    }
}

/// A fault of a shortcode: code, the words in question, place.
pub(super) type Fault = (&'static str, String, Range<usize>);

/// Replaces every shortcode outside code.
pub(super) fn mark<'a>(text: &'a str, faults: &mut Vec<Fault>) -> Marked<'a> {
    let mut marked = Marked { text: String::with_capacity(text.len()), shortcodes: Vec::new(), pieces: vec![(0, 0)] };
    let mut copied = 0;
    let mut cursor = Cursor::new(text);
    while let Some(tag) = cursor.next_tag() {
        if tag.kind == TagKind::Close {
            // An end without a beginning is text, as Markdown treats what it does not know.
            continue;
        }
        let (name, arguments) = match call(tag.inside) {
            Ok(parsed) => parsed,
            Err((code, words)) => {
                faults.push((code, words, tag.range.clone()));
                continue;
            }
        };
        let mut range = tag.range.clone();
        let mut body = None;
        if tag.kind == TagKind::Open {
            let Some(close) = cursor.matching_close() else {
                faults.push(("shortcode_open", String::new(), tag.range.clone()));
                break;
            };
            body = Some((&text[tag.range.end..close.start], tag.range.end));
            range.end = close.end;
        }
        let alone = body.is_some() && text[..range.start].rsplit('\n').next().is_none_or(|line| line.trim().is_empty());
        marked.text.push_str(&text[copied..range.start]);
        let index = marked.shortcodes.len();
        let mark = format!("{MARK_START}{index}{MARK_END}");
        marked.text.push_str(&if alone { format!("\n\n{mark}\n\n") } else { mark });
        copied = range.end;
        marked.pieces.push((marked.text.len(), copied));
        marked.shortcodes.push(Shortcode { name, arguments, body, range });
    }
    marked.text.push_str(&text[copied..]);
    marked
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum TagKind {
    /// `{{ name(…) }}`
    Inline,
    /// `{% name(…) %}`
    Open,
    /// `{% end %}`
    Close,
}

#[derive(Debug)]
struct Tag<'a> {
    kind: TagKind,
    inside: &'a str,
    range: Range<usize>,
}

/// Walks over a text, past fenced and inline code.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
    fence: Option<(u8, usize)>,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, fence: None }
    }

    fn next_tag(&mut self) -> Option<Tag<'a>> {
        let bytes = self.text.as_bytes();
        while self.at < bytes.len() {
            if self.at == 0 || bytes[self.at - 1] == b'\n' {
                if let Some(end) = self.fence_line() {
                    self.at = end;
                    continue;
                }
                if self.fence.is_some() {
                    self.at = self.line_end();
                    continue;
                }
            }
            match bytes[self.at] {
                b'`' => self.at = self.past_inline_code(),
                b'{' => match self.tag_here() {
                    Some(tag) => {
                        self.at = tag.range.end;
                        return Some(tag);
                    }
                    None => self.at += 1,
                },
                _ => self.at += 1,
            }
        }
        None
    }

    /// The end tag of the block just opened, past blocks inside it.
    fn matching_close(&mut self) -> Option<Range<usize>> {
        let mut depth = 1;
        while let Some(tag) = self.next_tag() {
            match tag.kind {
                TagKind::Open => depth += 1,
                TagKind::Close => depth -= 1,
                TagKind::Inline => {}
            }
            if depth == 0 {
                return Some(tag.range);
            }
        }
        None
    }

    fn tag_here(&self) -> Option<Tag<'a>> {
        let rest = &self.text[self.at..];
        let (close, inline) = match rest.as_bytes().get(1)? {
            b'{' => ("}}", true),
            b'%' => ("%}", false),
            _ => return None,
        };
        let length = find_outside_quotes(&rest[2..], close)?;
        let inside = rest[2..2 + length].trim();
        let kind = match (inline, inside) {
            (false, "end") => TagKind::Close,
            (false, _) => TagKind::Open,
            (true, _) => TagKind::Inline,
        };
        let named = inside.starts_with(|c: char| c.is_ascii_alphabetic());
        (named && (kind == TagKind::Close || inside.contains('(')))
            .then(|| Tag { kind, inside, range: self.at..self.at + length + 4 })
    }

    /// When a fence begins or ends on this line: the line's end.
    fn fence_line(&mut self) -> Option<usize> {
        let end = self.line_end();
        let line = self.text[self.at..end].trim_end();
        let content = line.trim_start_matches(' ');
        let mark = *content.as_bytes().first()?;
        if !matches!(mark, b'`' | b'~') || line.len() - content.len() > 3 {
            return None;
        }
        let length = content.bytes().take_while(|b| *b == mark).count();
        match self.fence {
            None if length >= 3 && !(mark == b'`' && content[length..].contains('`')) => {
                self.fence = Some((mark, length));
            }
            Some((open, at_least)) if open == mark && length >= at_least && content.len() == length => {
                self.fence = None;
            }
            _ => return None,
        }
        Some(end)
    }

    fn past_inline_code(&self) -> usize {
        let rest = &self.text[self.at..];
        let length = rest.bytes().take_while(|b| *b == b'`').count();
        let mut at = length;
        // A span of code never crosses an empty line.
        let limit = rest.find("\n\n").unwrap_or(rest.len());
        while at < limit {
            match rest[at..limit].find('`') {
                None => break,
                Some(found) => {
                    let run = rest[at + found..].bytes().take_while(|b| *b == b'`').count();
                    at += found + run;
                    if run == length {
                        return self.at + at;
                    }
                }
            }
        }
        self.at + length
    }

    fn line_end(&self) -> usize {
        self.text[self.at..].find('\n').map_or(self.text.len(), |end| self.at + end + 1)
    }
}

/// Where `close` stands in a tag, past what is quoted.
fn find_outside_quotes(text: &str, close: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None if text[at..].starts_with(close) => return Some(at),
            // A tag may span lines, but not an empty one: what never closes is text.
            None if text[at..].starts_with("\n\n") => return None,
            None => {}
        }
    }
    None
}

/// `name(key="text", n=3, x=1.5, on=true)`.
fn call(inside: &str) -> Result<(&str, Vec<(&str, Value)>), (&'static str, String)> {
    let wrong = |code, words: &str| (code, words.to_owned());
    let (name, rest) = inside.split_once('(').ok_or_else(|| wrong("shortcode_name", inside))?;
    let name = name.trim();
    if !is_name(name) {
        return Err(wrong("shortcode_name", name));
    }
    let mut rest = rest.trim_end().strip_suffix(')').ok_or_else(|| wrong("shortcode_parenthesis", inside))?.trim();
    let mut arguments: Vec<(&str, Value)> = Vec::new();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or_else(|| wrong("shortcode_pair", rest))?;
        let key = key.trim();
        if !is_name(key) || arguments.iter().any(|(other, _)| *other == key) {
            return Err(wrong("shortcode_argument", key));
        }
        let (value, after) = value(after.trim_start()).ok_or_else(|| wrong("shortcode_value", key))?;
        arguments.push((key, value));
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None if rest.is_empty() => {}
            None => return Err(wrong("shortcode_comma", rest)),
        }
    }
    Ok((name, arguments))
}

fn value(text: &str) -> Option<(Value, &str)> {
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let (inside, rest) = text[1..].split_once(quote)?;
        return Some((inside.into(), rest));
    }
    let end = text.find([',', ' ', '\n']).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let value = match word {
        "true" => true.into(),
        "false" => false.into(),
        _ => match word.parse::<i64>() {
            Ok(whole) => whole.into(),
            Err(_) => word.parse::<f64>().ok().filter(|number| number.is_finite())?.into(),
        },
    };
    Some((value, rest))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The fault as it is told to whoever writes the page.
pub(super) fn told(fault: &Fault, file: &str) -> Diagnostic {
    Diagnostic::new(fault.0, file, &[("words", &fault.1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        let mut faults = Vec::new();
        let marked = mark(text, &mut faults);
        assert!(faults.is_empty(), "{faults:?}");
        marked.shortcodes.iter().map(|shortcode| shortcode.name.to_owned()).collect()
    }

    #[test]
    fn shortcodes_are_found_outside_code_only() {
        assert_eq!(names("{{ a() }} et {{ b(x=1, y=\"}}\") }}"), ["a", "b"]);
        assert_eq!(names("`{{ a() }}` ``{{ b() }} ` `` {{ c() }}"), ["c"]);
        assert_eq!(names("```\n{{ a() }}\n```\n{{ b() }}\n~~~~\n{{ c() }}\n~~~\n{{ d() }}\n"), ["b"]);
        assert_eq!(names("{% a() %}\n{% b() %}x{% end %}\n{% end %}\n{{ c() }}"), ["a", "c"]);
        assert!(names("{{ pas un raccourci }} {a} {% end %}").is_empty());
    }

    #[test]
    fn offsets_lead_back_to_the_original() {
        let text = "avant {{ a() }} après";
        let marked = mark(text, &mut Vec::new());
        let at = marked.text.find("après").unwrap();
        assert_eq!(&text[marked.original(at)..], "après");
    }

    #[test]
    fn what_is_badly_written_is_told_with_its_place() {
        for (text, code) in [
            ("{{ a(x=) }}", "shortcode_value"),
            ("{{ a(x=\"1\" y=2) }}", "shortcode_comma"),
            ("{{ a(1) }}", "shortcode_pair"),
            ("{{ a(x=1, x=2) }}", "shortcode_argument"),
            ("{{ a(x=1 }}", "shortcode_parenthesis"),
            ("{% a() %} sans fin", "shortcode_open"),
        ] {
            let mut faults = Vec::new();
            mark(text, &mut faults);
            assert_eq!(faults.first().map(|fault| fault.0), Some(code), "{text}");
        }
    }
}
