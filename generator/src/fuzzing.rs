//! What fuzzers call: each function takes any text, and panics when a promise about it is broken.

use aops_manifest::Language;

use crate::check::links_of;
use crate::content::front_matter;
use crate::diagnostics::Source;
use crate::markdown::shortcodes;
use crate::markdown::typography::typeset;

/// Front matter is parsed, or every fault has its place in the text.
pub fn front_matter(text: &str) {
    let source = Source::new("a.md", text);
    match front_matter::parse(&source) {
        Ok(parsed) => assert!(text.is_char_boundary(parsed.body)),
        Err(faults) => {
            assert!(!faults.is_empty());
            for fault in faults {
                assert!(fault.line >= 1 && fault.column >= 1, "{fault:?}");
                assert!(!fault.to_string().is_empty());
            }
        }
    }
}

/// Typography changes no letter and no figure, and a second pass changes nothing.
pub fn typography(text: &str) {
    let kept = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    for language in Language::ALL {
        let once = typeset(text, language).into_owned();
        assert_eq!(kept(&once), kept(text));
    }
}

/// Calls lie within the text, in order, and do not overlap.
pub fn shortcodes(text: &str) {
    let source = Source::new("a.md", text);
    let mut faults = Vec::new();
    let calls = shortcodes::find(&source, 0..text.len(), &mut faults);
    let mut last = 0;
    for call in &calls {
        assert!(last <= call.whole.start && call.whole.end <= text.len());
        assert!(text.is_char_boundary(call.whole.start) && text.is_char_boundary(call.whole.end));
        last = call.whole.end;
    }
    assert!(faults.iter().all(|fault| fault.line >= 1));
}

/// Whatever stands in a page, its links resolve to paths of the site without dots, or lie elsewhere.
pub fn links(html: &str) {
    for path in links_of("/a/b/", html, "https://x.fr") {
        assert!(path.starts_with('/'), "{path}");
        assert!(!path.split('/').any(|part| part == ".."), "{path}");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Every text that fuzzing found worth keeping, given again to its function.
    #[test]
    fn the_corpus_breaks_no_promise() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        type Target = (&'static str, fn(&str));
        let targets: [Target; 4] = [
            ("front_matter", front_matter),
            ("links", links),
            ("shortcodes", shortcodes),
            ("typography", typography),
        ];
        for (name, target) in targets {
            let mut texts = 0;
            for entry in fs::read_dir(corpus.join(name)).unwrap() {
                let bytes = fs::read(entry.unwrap().path()).unwrap();
                if let Ok(text) = std::str::from_utf8(&bytes) {
                    target(text);
                    texts += 1;
                }
            }
            assert!(texts >= 5, "{name} has {texts}");
        }
    }
}
