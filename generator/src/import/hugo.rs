//! Hugo's shortcodes in a text: references become `@/` links, all others stay and are told.

use super::pages::Pages;
use crate::diagnostics::{Diagnostic, Diagnostics, Source};

/// The text of a page from byte `body` on; `page` is its path in the folder of content.
pub(super) fn body(
    source: &Source,
    body: usize,
    page: &str,
    pages: &Pages,
    notes: &mut Diagnostics,
) -> String {
    let text = &source.text[body..];
    let mut written = String::with_capacity(text.len());
    let mut at = 0;
    while let Some((start, close)) = next_shortcode(text, at) {
        written.push_str(&text[at..start]);
        let inner_start = start + 3;
        let Some(length) = text[inner_start..].find(close) else {
            at = start;
            break;
        };
        let (inner, end) = (&text[inner_start..inner_start + length], inner_start + length + 3);
        at = end;
        let whole = &text[start..end];
        if let Some(shown) = inner.trim().strip_prefix("/*").and_then(|inner| inner.strip_suffix("*/")) {
            written.push_str(&format!("{}{shown}{close}", &text[start..inner_start]));
            continue;
        }
        let name = inner.split_whitespace().next().unwrap_or_default();
        if name.starts_with('/') {
            written.push_str(whole);
            continue;
        }
        let place = body + start..body + end;
        let Some(link) = matches!(name, "ref" | "relref").then(|| reference(inner, name)).flatten() else {
            notes.push(Diagnostic::warning("import-shortcode", &[("name", name)]).at(source, place));
            written.push_str(whole);
            continue;
        };
        let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
        let anchor = anchor.map(|anchor| format!("#{anchor}")).unwrap_or_default();
        if path.is_empty() {
            written.push_str(&anchor);
        } else if let Some(target) = pages.find(page, path) {
            written.push_str(&format!("@/{target}{anchor}"));
        } else {
            notes.push(Diagnostic::warning("import-link", &[("target", link)]).at(source, place));
            written.push_str(whole);
        }
    }
    written.push_str(&text[at..]);
    written.replace("<!--more-->", "<!-- more -->")
}

/// Where the next `{{<` or `{{%` stands, and what closes it.
fn next_shortcode(text: &str, from: usize) -> Option<(usize, &'static str)> {
    let of = |open: &str, close| text[from..].find(open).map(|at| (from + at, close));
    of("{{<", ">}}").into_iter().chain(of("{{%", "%}}")).min()
}

/// The path of `ref "a.md"`, `ref a.md` or `ref path="a.md"`.
fn reference<'a>(inner: &'a str, name: &str) -> Option<&'a str> {
    let arguments = inner.trim().strip_prefix(name)?.trim_start();
    let value = match arguments.find("path=") {
        Some(at) => &arguments[at + "path=".len()..],
        None => arguments,
    };
    let path = match value.chars().next()? {
        quote @ ('"' | '\'' | '`') => value[1..].split(quote).next()?,
        _ => value.split_whitespace().next()?,
    };
    (!path.is_empty()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_become_links_and_other_shortcodes_are_told() {
        let pages = Pages([("posts/a.md".to_owned(), "blog/posts/a.md".to_owned())].into());
        let text = "[a]({{< ref \"a.md#b\" >}}) {{% relref path='/posts/a' %}} {{< ref `#c` >}}\n\
                    {{< figure src=\"x.png\" >}}{{< /figure >}} {{</* ref \"a.md\" */>}} {{< ref \"z.md\" >}} {{< open";
        let mut notes = Diagnostics::default();
        let written = body(&Source::new("content/posts/x.md", text), 0, "posts/x.md", &pages, &mut notes);
        let expected = "[a](@/blog/posts/a.md#b) @/blog/posts/a.md #c\n\
                        {{< figure src=\"x.png\" >}}{{< /figure >}} {{< ref \"a.md\" >}} {{< ref \"z.md\" >}} {{< open";
        assert_eq!(written, expected);
        let told: Vec<_> = notes.iter().map(|note| (note.code, note.line)).collect();
        assert_eq!(told, [("import-shortcode", 2), ("import-link", 2)]);
    }
}
