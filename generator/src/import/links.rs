//! Markdown links to files, `[a](../b.md#c)`, made `@/` links. Addresses, and files that are no page, stay.

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag};

use super::pages::Pages;

/// The text of the page `from` with its links to other pages made ours.
pub(super) fn converted(text: &str, from: &str, pages: &Pages) -> String {
    let mut written = String::with_capacity(text.len());
    let mut done = 0;
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        let Event::Start(Tag::Link { link_type: LinkType::Inline, dest_url, .. }) = event else { continue };
        let (path, anchor) = dest_url.find('#').map_or((&*dest_url, ""), |at| dest_url.split_at(at));
        if !path.ends_with(".md") || path.starts_with("@/") || path.contains(':') || range.start < done {
            continue;
        }
        // An address written with escapes is not found as it is, and stays.
        let (Some(target), Some(at)) = (pages.find(from, path), text[range.clone()].rfind(&*dest_url)) else {
            continue;
        };
        written.push_str(&text[done..range.start + at]);
        written.push_str(&format!("@/{target}{anchor}"));
        done = range.start + at + dest_url.len();
    }
    written.push_str(&text[done..]);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_pages_become_ours_and_code_and_addresses_stay() {
        let pages = Pages([("posts/a.md".to_owned(), "blog/posts/a.md".to_owned())].into());
        let text =
            "[a.md](a.md#b \"a\") `[a](a.md)` [x](https://x.example/a.md) [z](z.md) [u](../posts/a.md)";
        let expected = "[a.md](@/blog/posts/a.md#b \"a\") `[a](a.md)` [x](https://x.example/a.md) [z](z.md) \
                        [u](@/blog/posts/a.md)";
        assert_eq!(converted(text, "posts/x.md", &pages), expected);
    }
}
