//! Jekyll's folders and its Liquid tags. Filters and loops are not run: what needs them stays and is told.

use jiff::civil::Date;

use super::ImportFrom;
use super::pages::{Pages, Role, Said};
use crate::diagnostics::{Diagnostic, Diagnostics, Source};

/// Where posts go.
const ARTICLES: &str = "articles";

/// Where a file goes; none when it is left out.
pub(super) fn target(relative: &str, is_text: bool) -> Option<(String, Role, Said)> {
    let (folder, name) = relative.rsplit_once('/').unwrap_or(("", relative));
    let mut parts = folder.split('/').filter(|part| !part.is_empty());
    let is_draft = folder.split('/').any(|part| part == "_drafts");
    if is_draft || folder.split('/').any(|part| part == "_posts") {
        let (date, slug) = dated(name).map_or((None, name), |(date, slug)| (Some(date), slug));
        let slug =
            slug.strip_suffix(".markdown").map_or_else(|| slug.to_owned(), |stem| format!("{stem}.md"));
        let role = if is_text { Role::Text } else { Role::Beside };
        return Some((format!("{ARTICLES}/{slug}"), role, Said { date, slug: None, draft: is_draft }));
    }
    let first = parts.next();
    if is_text {
        if first.is_some_and(|first| MACHINERY.contains(&first)) {
            return None;
        }
        let path =
            relative.strip_suffix(".markdown").map_or_else(|| relative.to_owned(), |s| format!("{s}.md"));
        let path = if path == "index.md" { "_index.md".to_owned() } else { path };
        // A collection is a folder whose name begins with `_`.
        return Some((
            path.strip_prefix('_').filter(|_| first.is_some()).map_or(path.clone(), str::to_owned),
            Role::Text,
            Said::default(),
        ));
    }
    let is_page = matches!(name.rsplit('.').next(), Some("html" | "htm" | "xml" | "scss" | "sass"));
    let is_beside = first.is_some_and(|first| !first.starts_with('_') && !MACHINERY.contains(&first));
    (is_beside && !is_page).then(|| (relative.to_owned(), Role::Beside, Said::default()))
}

/// Folders that make Jekyll's site and hold none of its content.
const MACHINERY: [&str; 8] =
    ["_layouts", "_includes", "_sass", "_data", "_plugins", "_site", "vendor", "node_modules"];
const MACHINERY_FILES: [&str; 7] =
    ["_config.yml", "_config.yaml", "Gemfile", "Gemfile.lock", "Rakefile", "LICENSE", "CNAME"];

/// Whether a file is left out without a word.
pub(super) fn is_machinery(from: ImportFrom, relative: &str) -> bool {
    let first = relative.split('/').next().unwrap_or_default();
    from == ImportFrom::Jekyll && (MACHINERY.contains(&first) || MACHINERY_FILES.contains(&relative))
}

/// `2024-01-05-retraite` → the day and `retraite`.
pub(super) fn dated(name: &str) -> Option<(Date, &str)> {
    let (day, rest) = (name.get(..10)?, name.get(10..)?);
    Some((day.parse().ok()?, rest.strip_prefix('-').filter(|slug| !slug.is_empty())?))
}

/// The text of a page from byte `body` on.
pub(super) fn body(source: &Source, body: usize, pages: &Pages, notes: &mut Diagnostics) -> String {
    let text = &source.text[body..];
    let mut written = String::with_capacity(text.len());
    let mut at = 0;
    while let Some((start, close)) = next_tag(text, at) {
        written.push_str(&text[at..start]);
        let Some(length) = text[start + 2..].find(close) else {
            at = start;
            break;
        };
        let end = start + 2 + length + 2;
        at = end;
        let inner = text[start + 2..end - 2].trim_matches('-').trim();
        let (name, arguments) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
        let place = body + start..body + end;
        let mut tell = |code, value: (&'static str, &str)| {
            notes.push(Diagnostic::warning(code, &[value]).at(source, place.clone()));
            written.push_str(&text[start..end]);
        };
        match (close, name) {
            ("%}", "raw") => {
                let (shown, after) = raw(text, end);
                written.push_str(shown);
                at = after;
            }
            ("%}", "highlight") => {
                written.push_str("```");
                written.push_str(arguments.split_whitespace().next().unwrap_or_default());
            }
            ("%}", "endhighlight") => written.push_str("```"),
            ("%}", "post_url" | "link") => match linked(pages, name, arguments.trim()) {
                Some(target) => {
                    without_base(&mut written);
                    written.push_str("@/");
                    written.push_str(target);
                }
                None => tell("import-link", ("target", arguments.trim())),
            },
            // What ends a tag was told with it.
            ("%}", name) if name.starts_with("end") => written.push_str(&text[start..end]),
            ("%}", name) => tell("import-liquid", ("name", name)),
            // The base of addresses goes once it is known what follows.
            _ if BASES.contains(&inner) && text[end..].starts_with("{%") => {
                written.push_str(&text[start..end])
            }
            _ if BASES.contains(&inner) && text[end..].starts_with('/') => {}
            _ => match address(inner) {
                Some(address) => written.push_str(address),
                None => tell("import-liquid", ("name", inner)),
            },
        }
    }
    written.push_str(&text[at..]);
    written.replace("<!--more-->", "<!-- more -->")
}

const BASES: [&str; 2] = ["site.baseurl", "site.url"];

/// Where the next `{%` or `{{` stands, and what closes it.
fn next_tag(text: &str, from: usize) -> Option<(usize, &'static str)> {
    let of = |open: &str, close| text[from..].find(open).map(|at| (from + at, close));
    of("{%", "%}").into_iter().chain(of("{{", "}}")).min()
}

/// What stands between `raw` and `endraw`, and where the text goes on.
fn raw(text: &str, from: usize) -> (&str, usize) {
    let mut at = from;
    while let Some(start) = text[at..].find("{%").map(|found| at + found) {
        let Some(end) = text[start + 2..].find("%}").map(|found| start + found + 4) else { break };
        if text[start + 2..end - 2].trim_matches('-').trim() == "endraw" {
            return (&text[from..start], end);
        }
        at = start + 2;
    }
    (&text[from..], text.len())
}

/// The target of `post_url 2024-01-05-name` or `link _posts/2024-01-05-name.md`.
fn linked<'a>(pages: &'a Pages, tag: &str, name: &str) -> Option<&'a str> {
    let name = name.trim_start_matches('/');
    let is_meant = |relative: &str| {
        if tag == "link" {
            return relative == name;
        }
        let stem = relative.rsplit_once('.').map_or(relative, |(stem, _)| stem);
        let (before, after) = stem.split_once("_posts/").unwrap_or(("", ""));
        after == name || after.rsplit('/').next() == Some(name) || format!("{before}{after}") == name
    };
    pages.0.iter().find(|(relative, _)| is_meant(relative)).map(|(_, target)| target.as_str())
}

/// Takes `{{ site.baseurl }}` away from the end of what is written.
fn without_base(written: &mut String) {
    while let Some(start) = written.rfind("{{").filter(|_| written.ends_with("}}")) {
        if !BASES.contains(&written[start + 2..written.len() - 2].trim()) {
            return;
        }
        written.truncate(start);
    }
}

/// The address of `"/a.png" | relative_url`.
fn address(inner: &str) -> Option<&str> {
    let (value, filter) = inner.split_once('|')?;
    let value = value.trim();
    let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let address = value.strip_prefix(quote)?.strip_suffix(quote)?;
    (matches!(filter.trim(), "relative_url" | "absolute_url") && !address.contains(quote)).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_markdown_and_what_would_have_to_run_is_told() {
        let pages = Pages([("_posts/2024-01-05-a.md".to_owned(), "articles/a.md".to_owned())].into());
        let text = "[a]({{ site.baseurl }}{% post_url 2024-01-05-a %}) [b]({% link _posts/2024-01-05-a.md %})\n\
                    {% highlight rust linenos %}\nfn main() {}\n{% endhighlight %}\n\
                    {% raw %}{{ kept }}{% endraw %} ![x]({{ \"/x.png\" | relative_url }}) ![y]({{ site.baseurl }}/y.png)\n\
                    {% include a.html %} {{ page.title }} {% post_url 2024-01-06-b %}";
        let mut notes = Diagnostics::default();
        let written = body(&Source::new("a.md", text), 0, &pages, &mut notes);
        let expected = "[a](@/articles/a.md) [b](@/articles/a.md)\n```rust\nfn main() {}\n```\n\
                        {{ kept }} ![x](/x.png) ![y](/y.png)\n\
                        {% include a.html %} {{ page.title }} {% post_url 2024-01-06-b %}";
        assert_eq!(written, expected);
        let told: Vec<_> = notes.iter().map(|note| (note.code, note.line, note.column)).collect();
        assert_eq!(told, [("import-liquid", 6, 1), ("import-liquid", 6, 22), ("import-link", 6, 39)]);
    }

    #[test]
    fn files_go_where_an_editor_looks_for_them() {
        let at = |relative: &str| target(relative, relative.ends_with(".md")).map(|(target, ..)| target);
        for (relative, expected) in [
            ("_posts/2024-01-05-a.md", Some("articles/a.md")),
            ("_drafts/b.md", Some("articles/b.md")),
            ("index.md", Some("_index.md")),
            ("about/index.md", Some("about/index.md")),
            ("_guides/c.md", Some("guides/c.md")),
            ("assets/x.png", Some("assets/x.png")),
            ("_layouts/post.html", None),
            ("vendor/a.md", None),
            ("about.html", None),
        ] {
            assert_eq!(at(relative).as_deref(), expected, "{relative}");
        }
    }
}
