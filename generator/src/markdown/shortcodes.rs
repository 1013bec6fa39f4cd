//! Finds the calls `{{ name(arg="x", n=3) }}` and `{% name() %} … {% end %}` in Markdown, outside of code.
//!
//! It reads calls and their typed arguments; it renders nothing.

use std::ops::Range;

use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use serde_json::Value;

use crate::diagnostics::{Diagnostic, Source};
use crate::messages;

/// A call; ranges are bytes of the source file.
#[derive(Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) name_at: Range<usize>,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) body: Option<Range<usize>>,
    pub(crate) whole: Range<usize>,
}

/// `name=value`.
#[derive(Debug, PartialEq)]
pub(crate) struct Argument {
    pub(crate) name: String,
    pub(crate) value: Value,
    pub(crate) at: Range<usize>,
}

/// The outermost calls in a range of a file, in order; what is wrong with the others is added to `faults`.
pub(crate) fn find(source: &Source, range: Range<usize>, faults: &mut Vec<Diagnostic>) -> Vec<Call> {
    let text = &source.text[range.clone()];
    if !text.contains("{{") && !text.contains("{%") {
        return Vec::new();
    }
    let code = code_ranges(text);
    let mut calls = Vec::new();
    let mut open: Vec<Call> = Vec::new();
    let mut at = 0;
    while let Some(start) = next_mark(text, at, &code) {
        let mut cursor = Cursor { text, at: start + 2 };
        let block = text[start..].starts_with("{%");
        let name_start = {
            cursor.blank();
            cursor.at
        };
        let name = cursor.word().to_owned();
        let name_end = cursor.at;
        cursor.blank();
        let shift = |r: Range<usize>| r.start + range.start..r.end + range.start;
        if block && name == "end" && cursor.eat("%}") {
            at = cursor.at;
            match open.pop() {
                Some(mut call) => {
                    if let Some(body) = &mut call.body {
                        body.end = start + range.start;
                    }
                    call.whole.end = at + range.start;
                    if open.is_empty() {
                        calls.push(call);
                    }
                }
                None => {
                    faults.push(Diagnostic::error("shortcode-end-alone", &[]).at(source, shift(start..at)))
                }
            }
            continue;
        }
        if name.is_empty() || !cursor.eat("(") {
            at = start + 2;
            continue;
        }
        let arguments = match arguments(&mut cursor, range.start) {
            Ok(arguments) => arguments,
            Err(reason) => {
                let place = shift(cursor.at.min(text.len())..cursor.at + 1);
                faults.push(badly_written(reason).at(source, place));
                at = cursor.at.max(start + 2);
                continue;
            }
        };
        cursor.blank();
        if !cursor.eat(if block { "%}" } else { "}}" }) {
            let reason = if block { "expected-block-end" } else { "expected-inline-end" };
            let place = shift(cursor.at..cursor.at + 1);
            faults.push(badly_written(reason).at(source, place));
            at = cursor.at.max(start + 2);
            continue;
        }
        at = cursor.at;
        let call = Call {
            name,
            name_at: shift(name_start..name_end),
            arguments,
            body: block.then(|| shift(at..at)),
            whole: shift(start..at),
        };
        if block {
            open.push(call);
        } else if open.is_empty() {
            calls.push(call);
        }
    }
    for call in open {
        let fault = Diagnostic::error("shortcode-open", &[("name", &call.name)]);
        faults.push(fault.at(source, call.name_at));
    }
    calls
}

/// The fault of a call; `reason` is a code of the catalogue.
fn badly_written(reason: &str) -> Diagnostic {
    Diagnostic::error("shortcode-syntax", &[("reason", &messages::message(reason, &[]))])
}

/// The next `{{` or `{%` that does not stand in code.
fn next_mark(text: &str, from: usize, code: &[Range<usize>]) -> Option<usize> {
    let mut at = from;
    loop {
        let start = at + text.get(at..)?.find('{')?;
        let inside = code.partition_point(|range| range.end <= start);
        if let Some(range) = code.get(inside).filter(|range| range.contains(&start)) {
            at = range.end;
            continue;
        }
        if matches!(text.as_bytes().get(start + 1), Some(b'{' | b'%')) {
            return Some(start);
        }
        at = start + 1;
    }
}

/// Where code stands, in order.
fn code_ranges(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    for (event, range) in Parser::new_ext(text, super::options()).into_offset_iter() {
        match event {
            Event::Code(_) | Event::Start(Tag::CodeBlock(_)) => ranges.push(range),
            Event::End(TagEnd::CodeBlock) => {}
            _ => {}
        }
    }
    ranges
}

/// The arguments up to and with `)`.
fn arguments(cursor: &mut Cursor<'_>, base: usize) -> Result<Vec<Argument>, &'static str> {
    let mut arguments = Vec::new();
    loop {
        cursor.blank();
        if cursor.eat(")") {
            return Ok(arguments);
        }
        let start = cursor.at;
        let name = cursor.word().to_owned();
        if name.is_empty() {
            return Err("expected-argument");
        }
        cursor.blank();
        if !cursor.eat("=") {
            return Err("expected-equals");
        }
        cursor.blank();
        let value = value(cursor, 0)?;
        arguments.push(Argument { name, value, at: start + base..cursor.at + base });
        cursor.blank();
        if !cursor.eat(",") && cursor.peek() != Some(')') {
            return Err("expected-comma");
        }
    }
}

fn value(cursor: &mut Cursor<'_>, depth: usize) -> Result<Value, &'static str> {
    match cursor.peek() {
        Some(quote @ ('"' | '\'')) => string(cursor, quote).map(Value::String),
        Some('[') if depth < 4 => {
            cursor.eat("[");
            let mut list = Vec::new();
            loop {
                cursor.blank();
                if cursor.eat("]") {
                    return Ok(Value::Array(list));
                }
                list.push(value(cursor, depth + 1)?);
                cursor.blank();
                if !cursor.eat(",") && cursor.peek() != Some(']') {
                    return Err("expected-list-comma");
                }
            }
        }
        _ => {
            let start = cursor.at;
            while cursor.peek().is_some_and(|c| c.is_alphanumeric() || "+-._".contains(c)) {
                cursor.at += cursor.peek().map_or(1, char::len_utf8);
            }
            let written = &cursor.text[start..cursor.at];
            let number = |text: &str| {
                text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<f64>().map(Value::from))
            };
            match written {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                text => number(text).ok().filter(|_| !text.is_empty()).ok_or("expected-value"),
            }
        }
    }
}

fn string(cursor: &mut Cursor<'_>, quote: char) -> Result<String, &'static str> {
    let mut written = String::new();
    let mut characters = cursor.text[cursor.at + 1..].char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some((_, escaped)) => written.push(escaped),
                None => break,
            },
            c if c == quote => {
                cursor.at += 1 + at + 1;
                return Ok(written);
            }
            c => written.push(c),
        }
    }
    Err("quote-open")
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn eat(&mut self, wanted: &str) -> bool {
        let found = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(wanted));
        if found {
            self.at += wanted.len();
        }
        found
    }

    fn blank(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += self.peek().map_or(1, char::len_utf8);
        }
    }

    fn word(&mut self) -> &str {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_') {
            self.at += 1;
        }
        &self.text[start..self.at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> (Vec<Call>, Vec<String>) {
        let mut faults = Vec::new();
        let calls = find(&Source::new("a.md", text), 0..text.len(), &mut faults);
        (calls, faults.into_iter().map(|f| f.code).collect())
    }

    #[test]
    fn arguments_are_typed() {
        let (calls, faults) = found(r#"x {{ a(t="un \"deux\"", n=3, f=-1.5, b=true, l=["x", 2]) }} y"#);
        assert!(faults.is_empty());
        let values: Vec<_> = calls[0].arguments.iter().map(|a| a.value.clone()).collect();
        assert_eq!(Value::Array(values), serde_json::json!(["un \"deux\"", 3, -1.5, true, ["x", 2]]));
    }

    #[test]
    fn bodies_nest_and_code_is_left_alone() {
        let text = "`{{ no() }}`\n\n{% a() %}\nx {% b() %}y{% end %}\n{% end %}\n\n```\n{% no() %}\n```\n";
        let (calls, faults) = found(text);
        assert_eq!((calls.len(), faults.len()), (1, 0));
        assert_eq!(&text[calls[0].body.clone().unwrap()], "\nx {% b() %}y{% end %}\n");
    }

    #[test]
    fn what_is_badly_written_is_told() {
        for (text, code) in [
            ("{{ a(n=) }}", "shortcode-syntax"),
            ("{{ a(n=3 }}", "shortcode-syntax"),
            ("{{ a(t=\"x) }}", "shortcode-syntax"),
            ("{% a() %} x", "shortcode-open"),
            ("x {% end %}", "shortcode-end-alone"),
        ] {
            assert_eq!(found(text).1, [code], "{text}");
        }
        assert_eq!(found("{{ page.title }} {% if x %}"), (Vec::new(), Vec::new()));
    }
}
