//! Elements of a finished page that are closed where they should not be, or not at all, or stand where HTML forbids.
//!
//! It looks at the order of tags alone (WHATWG HTML § 13.1.2, § 4); whatever else a validator finds is not its care.

const VOID: [&str; 13] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"];
/// Elements that end where the one around them does, or the next of them begins.
const OPTIONAL: [&str; 12] =
    ["li", "dt", "dd", "p", "option", "tr", "td", "th", "thead", "tbody", "tfoot", "optgroup"];
const BLOCKS: [&str; 22] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "details",
    "div",
    "dl",
    "fieldset",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "header",
    "main",
    "nav",
    "ol",
    "section",
    "table",
    "ul",
];
/// Elements in which another of the same kind, or of the others, is forbidden.
const INTERACTIVE: [&str; 4] = ["a", "button", "label", "form"];

/// Open elements that a tag is compared with, at most.
const LOOKED_AT: usize = 256;

/// The tags of a page, in order.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    open: Vec<String>,
    /// What is wrong: a code of the catalogue and the element.
    pub(super) faults: Vec<(&'static str, String)>,
}

impl Nesting {
    /// An opening tag.
    pub(super) fn begin(&mut self, name: &str, closes_itself: bool) {
        if BLOCKS.contains(&name) && self.open.last().is_some_and(|open| open == "p") {
            self.open.pop();
        }
        if let Some(last) = self.open.last()
            && OPTIONAL.contains(&last.as_str())
            && (last == name
                || matches!(
                    (last.as_str(), name),
                    ("dt" | "dd", "dt" | "dd") | ("td" | "th", "td" | "th" | "tr")
                ))
        {
            self.open.pop();
        }
        if INTERACTIVE.contains(&name) && self.is_open(name) {
            self.faults.push(("html-within-itself", name.to_owned()));
        }
        if !VOID.contains(&name) && !closes_itself {
            self.open.push(name.to_owned());
        }
    }

    /// Whether an element is open, among the innermost: pages of a hundred thousand levels cost their length.
    fn is_open(&self, name: &str) -> bool {
        self.open.iter().rev().take(LOOKED_AT).any(|open| open == name)
    }

    /// A closing tag.
    pub(super) fn end(&mut self, name: &str) {
        while let Some(last) = self.open.last() {
            if last == name {
                self.open.pop();
                return;
            }
            if OPTIONAL.contains(&last.as_str()) && self.is_open(name) {
                self.open.pop();
                continue;
            }
            break;
        }
        if self.is_open(name) {
            let unclosed = self.open.pop().unwrap_or_default();
            self.faults.push(("html-unclosed", unclosed));
            return self.end(name);
        }
        self.faults.push(("html-stray-end", name.to_owned()));
    }

    /// The end of the page.
    pub(super) fn finish(&mut self) {
        while let Some(open) = self.open.pop() {
            if !OPTIONAL.contains(&open.as_str()) && !matches!(open.as_str(), "html" | "body" | "head") {
                self.faults.push(("html-unclosed", open));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan::scan;

    fn faults(html: &str) -> Vec<(&'static str, String)> {
        scan(html).nesting
    }

    #[test]
    fn what_html_allows_is_not_told() {
        for html in [
            "<ul><li>a<li>b</ul>",
            "<p>a<p>b<div>c</div>",
            "<table><tr><td>a<td>b<tr><td>c</table>",
            "<p>a<br><img src=x alt=x></p><svg><path d=\"M0\"/></svg>",
            "<dl><dt>a<dd>b<dt>c</dl>",
        ] {
            assert!(faults(html).is_empty(), "{html}: {:?}", faults(html));
        }
    }

    #[test]
    fn what_stands_wrong_is_told() {
        for (html, code, name) in [
            ("<div><span></div>", "html-unclosed", "span"),
            ("<div></span></div>", "html-stray-end", "span"),
            ("<a href=x>b<a href=y>c</a></a>", "html-within-itself", "a"),
            ("<section>", "html-unclosed", "section"),
        ] {
            assert_eq!(faults(html)[0], (code, name.to_owned()), "{html}");
        }
    }
}
