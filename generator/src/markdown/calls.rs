//! Shortcodes in Markdown: each call is replaced by a mark, rendered by its template, and set in again.

use std::ops::Range;

use tera::{Context, Value};

use super::data;
use super::render::Renderer;
use super::shortcodes::{self, Call};
use super::writer::without_tags;
use crate::diagnostics::Diagnostic;
use crate::messages::nearest;
use crate::templates::{self, base_context, noting, own_value};

/// Shortcodes in shortcodes, at most.
const DEPTH: usize = 16;
/// Where inline shortcodes stand in the text until they are set in: a plane that no script uses.
const MARK: u32 = 0xF_0000;

/// Markdown in which calls are replaced by marks, and where its bytes come from.
pub(super) struct Fragment {
    text: String,
    /// (offset in `text`, offset in the file), in order.
    origins: Vec<(usize, usize)>,
}

impl Fragment {
    /// Where a byte of the text stands in the file.
    pub(super) fn origin(&self, at: usize) -> usize {
        let index = self.origins.partition_point(|(here, _)| *here <= at).saturating_sub(1);
        self.origins.get(index).map_or(at, |(here, there)| there + (at - here))
    }
}

impl Renderer<'_> {
    /// Renders a range of the source file, shortcodes first.
    pub(super) fn fragment(&mut self, range: Range<usize>, depth: usize) {
        let document = self.document;
        let calls = shortcodes::find(&document.source, range.clone(), &mut self.done.faults);
        if calls.is_empty() {
            let text = &document.source.text[range.clone()];
            let fragment = Fragment { text: String::new(), origins: vec![(0, range.start)] };
            return self.events(text, &fragment, &[]);
        }
        let results: Vec<String> = calls.iter().map(|call| self.call(call, depth)).collect();
        let (fragment, inline) = with_marks(&document.source.text, range, &calls);
        let start = self.out.len();
        self.events(&fragment.text, &fragment, &results);
        if inline {
            let written = self.out.split_off(start);
            set_in(&written, &results, &mut self.out);
            for heading in &mut self.headings {
                heading.title = without_marks(&heading.title, &results);
            }
            self.plain = without_marks(&self.plain, &results);
        }
    }

    /// What shortcodes see besides their arguments.
    fn context(&self) -> Context {
        let facts = self.environment.facts;
        let mut context = base_context(facts, self.document.language, &self.document.path);
        context.insert_value("page", own_value(self.document, facts, None));
        context
    }

    /// The HTML of a call; a fault is noted and gives nothing.
    fn call(&mut self, call: &Call, depth: usize) -> String {
        let name = format!("shortcodes/{}.html", call.name);
        let source = &self.document.source;
        if !self.environment.tera.contains_template(&name) {
            let known: Vec<&str> = self
                .environment
                .tera
                .get_template_names()
                .filter_map(|name| name.strip_prefix("shortcodes/")?.strip_suffix(".html"))
                .collect();
            let near = nearest(&call.name, known.iter().copied()).unwrap_or("—");
            let fault = Diagnostic::error("shortcode-unknown", &[("name", &call.name), ("nearest", near)]);
            self.done.faults.push(fault.at(source, call.name_at.clone()));
            return String::new();
        }
        self.done.has_calls = true;
        let wrong = self.environment.signatures.faults(call, source);
        if !wrong.is_empty() {
            self.done.faults.extend(wrong);
            return String::new();
        }
        let mut context = self.context();
        for argument in &call.arguments {
            if argument.name == "data"
                && let Some(file) = argument.value.as_str()
            {
                match data::load(&self.document.folder, file) {
                    Ok((value, path)) => {
                        context.insert("data", &value);
                        self.done.used.push(path);
                    }
                    Err(fault) => {
                        self.done.faults.push(fault.at(source, argument.at.clone()));
                        return String::new();
                    }
                }
                continue;
            }
            context.insert(argument.name.clone(), &argument.value);
        }
        if let Some(body) = &call.body {
            if depth >= DEPTH {
                let fault = Diagnostic::error("shortcode-deep", &[("limit", &DEPTH.to_string())]);
                self.done.faults.push(fault.at(source, call.name_at.clone()));
                return String::new();
            }
            let before = std::mem::take(&mut self.out);
            let heading = self.heading.take();
            self.typographer.reset();
            self.fragment(body.clone(), depth + 1);
            self.heading = heading;
            let html = std::mem::replace(&mut self.out, before);
            context.insert_value("body", Value::safe_string(&html));
        }
        let (html, touched) = noting(|| self.environment.tera.render(&name, &context));
        self.done.asked |= touched.all || !touched.documents.is_empty();
        self.done.used.extend(touched.pictures.iter().map(|picture| picture.file.clone()));
        self.done.pictures.extend(touched.pictures);
        match html {
            Ok(html) => html.trim().to_owned(),
            Err(error) => {
                let (reason, place) = templates::reason(&error);
                let reason = if place.is_empty() { reason } else { format!("{reason} ({place})") };
                let fault =
                    Diagnostic::error("shortcode-failed", &[("name", &call.name), ("reason", &reason)]);
                self.done.faults.push(fault.at(source, call.whole.start..call.name_at.end));
                String::new()
            }
        }
    }
}

/// The text of a range with a mark for each call, and whether any mark is inline.
fn with_marks(text: &str, range: Range<usize>, calls: &[Call]) -> (Fragment, bool) {
    let mut fragment = Fragment { text: String::with_capacity(range.len()), origins: Vec::new() };
    let mut inline = false;
    let mut from = range.start;
    for (index, call) in calls.iter().enumerate() {
        fragment.origins.push((fragment.text.len(), from));
        fragment.text.push_str(&text[from..call.whole.start]);
        let line = text[range.start..call.whole.start].rsplit('\n').next().unwrap_or_default();
        let rest = text[call.whole.end..range.end].split('\n').next().unwrap_or_default();
        fragment.origins.push((fragment.text.len(), call.whole.start));
        if line.trim().is_empty() && rest.trim().is_empty() {
            fragment.text.push_str(&format!("<!--sc:{index}-->"));
        } else if let Some(mark) = u32::try_from(index).ok().and_then(|index| char::from_u32(MARK + index)) {
            inline = true;
            fragment.text.push(mark);
        }
        from = call.whole.end;
    }
    fragment.origins.push((fragment.text.len(), from));
    fragment.text.push_str(&text[from..range.end]);
    (fragment, inline)
}

/// The index of a mark.
fn marked(character: char) -> Option<usize> {
    u32::from(character).checked_sub(MARK).map(|index| index as usize)
}

fn set_in(written: &str, results: &[String], out: &mut String) {
    for character in written.chars() {
        match marked(character).and_then(|index| results.get(index)) {
            Some(result) => out.push_str(result),
            None => out.push(character),
        }
    }
}

fn without_marks(text: &str, results: &[String]) -> String {
    if !text.chars().any(|c| marked(c).is_some()) {
        return text.to_owned();
    }
    let mut set = String::new();
    for character in text.chars() {
        match marked(character).and_then(|index| results.get(index)) {
            Some(result) => set.push_str(&without_tags(result)),
            None => set.push(character),
        }
    }
    set
}
