//! Links of a Zola text, which are written as ours: only the folder they are brought into is put before them.

/// The text with every `@/a.md` made `@/folder/a.md`; as it is when there is no folder.
pub(super) fn body(text: &str, folder: &str) -> String {
    if folder.is_empty() {
        return text.to_owned();
    }
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("@/") {
        let (before, after) = rest.split_at(at);
        written.push_str(before);
        written.push_str("@/");
        rest = &after[2..];
        let begins = before.is_empty() || before.ends_with(['(', '<', '"', '\'', ' ', '\n']);
        let link = rest.split([')', '>', '"', '\'', ' ', '\n']).next().unwrap_or_default();
        if begins && link.split('#').next().is_some_and(|path| path.ends_with(".md")) {
            written.push_str(folder);
            written.push('/');
        }
    }
    written.push_str(rest);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_follow_the_folder_and_addresses_do_not() {
        let text = "[a](@/b/c.md#d) <me@/x> [e]: @/f.md\nmoi@/g.md";
        assert_eq!(body(text, "blog"), "[a](@/blog/b/c.md#d) <me@/x> [e]: @/blog/f.md\nmoi@/g.md");
        assert_eq!(body(text, ""), text);
    }
}
