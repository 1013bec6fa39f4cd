//! Colours of code by class. Grammars are loaded once, when the first piece of code asks; results are kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use giallo::{HighlightOptions, HtmlRenderer, Registry, RenderOptions, ThemeVariant};

const LIGHT: &str = "github-light-high-contrast";
const DARK: &str = "github-dark-high-contrast";
const PREFIX: &str = "g-";

/// The HTML of code, or nothing when its language is unknown.
type Coloured = Option<Arc<str>>;

/// By language and code: the HTML.
#[derive(Debug, Default)]
pub(crate) struct Highlighter {
    done: Mutex<HashMap<(String, String), Coloured>>,
}

impl Highlighter {
    /// The HTML of a piece of code, `None` when the language is unknown.
    pub(crate) fn html(&self, language: &str, code: &str) -> Option<Arc<str>> {
        let key = (language.to_owned(), code.to_owned());
        if let Ok(done) = self.done.lock()
            && let Some(html) = done.get(&key)
        {
            return html.clone();
        }
        let html = highlight(language, code).map(Arc::from);
        if let Ok(mut done) = self.done.lock() {
            done.insert(key, html.clone());
        }
        html
    }
}

/// The rules for the classes, light and dark, in a layer of their own.
pub(crate) fn styles() -> String {
    let Some((light, dark)) = registry().and_then(|r| r.generate_dual_css(LIGHT, DARK, PREFIX).ok()) else {
        return String::new();
    };
    // The theme paints the block itself; only the words are coloured here.
    let words = |css: &str| {
        css.lines().filter(|line| line.starts_with('.') && line.ends_with('}')).collect::<Vec<_>>().join("\n")
    };
    format!(
        "@layer code {{\n{}\n@media (prefers-color-scheme: dark) {{\n{}\n}}\n}}\n",
        words(&light),
        words(&dark)
    )
}

fn highlight(language: &str, code: &str) -> Option<String> {
    let registry = registry()?;
    if !registry.contains_grammar(language) {
        return None;
    }
    let options = HighlightOptions::new(language, ThemeVariant::Dual { light: LIGHT, dark: DARK });
    let highlighted = registry.highlight(code, &options).ok()?;
    let renderer = HtmlRenderer { css_class_prefix: Some(PREFIX.to_owned()), ..HtmlRenderer::default() };
    Some(renderer.render(&highlighted, &RenderOptions::default()))
}

/// Loads the grammars while something else is done.
pub(crate) fn warm_up() {
    rayon::spawn(|| {
        registry();
    });
}

fn registry() -> Option<&'static Registry> {
    static REGISTRY: OnceLock<Option<Registry>> = OnceLock::new();
    REGISTRY.get_or_init(|| Registry::builtin().ok()).as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_coloured_by_class_and_never_by_inline_style() {
        let html = Highlighter::default().html("rust", "fn main() { let x = \"<a>\"; }").unwrap();
        assert!(html.contains("class=\"g-"), "{html}");
        assert!(!html.contains("style="), "{html}");
        assert!(html.contains("&lt;a"), "{html}");
        assert!(styles().contains(".g-l-"), "{}", styles());
    }

    #[test]
    fn an_unknown_language_is_left_plain() {
        assert!(Highlighter::default().html("klingon", "x").is_none());
    }
}
