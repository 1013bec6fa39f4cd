//! Looks through a finished page for ids, links and pictures. It judges nothing.

use super::nesting::Nesting;

/// What a page holds.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) ids: Vec<String>,
    /// `href` and `src` values, unescaped.
    pub(super) links: Vec<String>,
    /// `src` of pictures without an `alt`.
    pub(super) without_alt: Vec<String>,
    pub(super) has_style_attribute: bool,
    /// Attributes that the policy of the pages never runs: `onclick` and the like, `javascript:` links.
    pub(super) inline_code: Vec<String>,
    /// Levels of headings, in order, with their ids.
    pub(super) headings: Vec<(u8, String)>,
    /// Addresses of other sites from which the page would load something.
    pub(super) foreign: Vec<String>,
    /// Faults of nesting: a code and the element.
    pub(super) nesting: Vec<(&'static str, String)>,
}

/// Goes through the tags of a page that our own templates wrote.
pub(super) fn scan(html: &str) -> Scanned {
    let mut found = Scanned::default();
    let mut nesting = Nesting::default();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix("!--") {
            rest = after.find("-->").map_or("", |end| &after[end + 3..]);
            continue;
        }
        if let Some(closing) = rest.strip_prefix('/') {
            let end = closing.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(closing.len());
            nesting.end(&closing[..end].to_ascii_lowercase());
            rest = &closing[end..];
            continue;
        }
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let name_end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(rest.len());
        let name = rest[..name_end].to_ascii_lowercase();
        rest = &rest[name_end..];
        let mut source = None;
        let mut has_alt = false;
        let mut id = String::new();
        let mut closes_itself = false;
        loop {
            rest = rest.trim_start();
            if rest.is_empty() || rest.starts_with('>') {
                break;
            }
            let (attribute, value, after) = attribute(rest);
            rest = after;
            match attribute {
                "id" => {
                    id = unescape(value);
                    found.ids.push(id.clone());
                }
                "href" if value.trim_start().to_ascii_lowercase().starts_with("javascript:") => {
                    found.inline_code.push(value.to_owned());
                }
                "href" if name != "base" => found.links.push(unescape(value)),
                "src" => {
                    if value.starts_with("//") || value.starts_with("http:") || value.starts_with("https:") {
                        found.foreign.push(unescape(value));
                    }
                    found.links.push(unescape(value));
                    source = Some(unescape(value));
                }
                "srcset" => found.links.extend(
                    unescape(value)
                        .split(',')
                        .filter_map(|one| one.split_whitespace().next().map(str::to_owned)),
                ),
                "/" => closes_itself = true,
                on if on.len() > 2 && on.starts_with("on") => found.inline_code.push(on.to_owned()),
                "alt" => has_alt = true,
                "style" => found.has_style_attribute = true,
                _ => {}
            }
        }
        if let [b'h', level @ b'1'..=b'6'] = name.as_bytes() {
            found.headings.push((level - b'0', id));
        }
        nesting.begin(&name, closes_itself);
        if name == "img" && !has_alt {
            found.without_alt.push(source.unwrap_or_default());
        }
        if name == "script" || name == "style" {
            rest = rest.find(&format!("</{name}")).map_or("", |end| &rest[end..]);
        }
    }
    nesting.finish();
    found.nesting = nesting.faults;
    found
}

/// The path and anchor that a link of a page means on this site; `None` for what lies elsewhere.
pub(super) fn resolve(page: &str, link: &str, base_url: &str) -> Option<(String, Option<String>)> {
    let link =
        link.strip_prefix(base_url).filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(link);
    let (target, anchor) = match link.split_once('#') {
        Some((target, anchor)) => (target, Some(decoded(anchor))),
        None => (link, None),
    };
    let target = target.split('?').next().unwrap_or_default();
    let scheme = target.split(['/', '#']).next().unwrap_or_default();
    if target.starts_with("//") || scheme.contains(':') {
        return None;
    }
    if target.is_empty() {
        return Some((page.to_owned(), anchor));
    }
    let folder = &page[..=page.rfind('/').unwrap_or(0)];
    let joined = if target.starts_with('/') { target.to_owned() } else { format!("{folder}{target}") };
    let mut parts: Vec<String> = Vec::new();
    for part in joined.split('/').skip(1) {
        // Browsers take `%2e%2e` for `..`; a decoded `/` would part what is one name.
        let name = Some(decoded(part)).filter(|name| !name.contains('/')).unwrap_or_else(|| part.to_owned());
        match name.as_str() {
            "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(name),
        }
    }
    Some((format!("/{}", parts.join("/")), anchor))
}

fn attribute(text: &str) -> (&str, &str, &str) {
    let end = text.find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>')).unwrap_or(text.len());
    // A stray sign is passed over, so that the walk always goes on.
    let (name, after) =
        text.split_at(if end == 0 { text.chars().next().map_or(0, char::len_utf8) } else { end });
    let Some(value) = after.trim_start().strip_prefix('=') else { return (name, "", after) };
    let value = value.trim_start();
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote) {
            return match inner.split_once(quote) {
                Some((value, after)) => (name, value, after),
                None => (name, inner, ""),
            };
        }
    }
    let end = value.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(value.len());
    (name, &value[..end], &value[end..])
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn unescape(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    text.replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&#x27;", "'")
        .replace("&#x2F;", "/")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_and_scripts_and_comments_are_not() {
        let found = scan(
            "<!-- <a href=no> --><a id=\"x\" href='/a?b=1&amp;c#d'>t</a><img src=p.png><script>\"<a href=no>\"</script><p style=\"\">",
        );
        assert_eq!(
            (found.ids, found.links),
            (vec!["x".to_owned()], vec!["/a?b=1&c#d".to_owned(), "p.png".to_owned()])
        );
        assert_eq!(found.without_alt, ["p.png"]);
        assert!(found.has_style_attribute);
    }

    #[test]
    fn links_resolve_as_a_browser_would() {
        let of = |link| {
            resolve("/a/b/", link, "https://x.fr").map(|(path, anchor)| (path, anchor.unwrap_or_default()))
        };
        let is = |path: &str, anchor: &str| Some((path.to_owned(), anchor.to_owned()));
        assert_eq!(of("c.png"), is("/a/b/c.png", ""));
        assert_eq!(of("../c/#d"), is("/a/c/", "d"));
        assert_eq!(of("#d"), is("/a/b/", "d"));
        assert_eq!(of("https://x.fr/z/"), is("/z/", ""));
        assert_eq!(of("https://y.fr/z/"), None);
        assert_eq!(of("mailto:a@b.fr"), None);
    }
}
