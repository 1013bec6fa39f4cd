//! Code by class, so that the page's policy may refuse inline styles.

use std::sync::OnceLock;

use giallo::{HighlightOptions, HtmlRenderer, Registry, RenderOptions, ThemeVariant};

const PREFIX: &str = "hl-";
const LIGHT: &str = "github-light";
const DARK: &str = "github-dark";

/// Grammars are large: they are read when the first piece of code is met, and never otherwise.
static REGISTRY: OnceLock<Option<Registry>> = OnceLock::new();

/// Code as HTML, highlighted when the language is known.
pub(super) fn highlighted(code: &str, language: &str) -> String {
    let plain = || format!("<pre><code>{}</code></pre>\n", escape(code));
    if language.is_empty() {
        return plain();
    }
    let Some(registry) = registry().filter(|registry| registry.contains_grammar(language)) else {
        return plain();
    };
    let options = HighlightOptions::new(language, ThemeVariant::Dual { light: LIGHT, dark: DARK });
    match registry.highlight(code, &options) {
        Ok(tokens) => {
            let renderer = HtmlRenderer { css_class_prefix: Some(PREFIX.into()), ..HtmlRenderer::default() };
            renderer.render(&tokens, &RenderOptions::default()) + "\n"
        }
        Err(_) => plain(),
    }
}

/// The style sheet of the classes.
pub(crate) fn stylesheet() -> Option<String> {
    let registry = registry()?;
    let (light, dark) = registry.generate_dual_css(LIGHT, DARK, PREFIX).ok()?;
    Some(format!("{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"))
}

fn registry() -> Option<&'static Registry> {
    let loaded = REGISTRY.get_or_init(|| {
        let mut registry = Registry::builtin().ok()?;
        registry.link_grammars();
        Some(registry)
    });
    loaded.as_ref()
}

fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 16);
    // Writing into a string cannot fail.
    let _ = pulldown_cmark_escape::escape_html_body_text(&mut html, text);
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_languages_get_classes_and_no_inline_style() {
        for (language, code) in [
            ("rust", "fn main() {}"),
            ("python", "x = 1"),
            ("r", "x <- 1"),
            ("sql", "select 1"),
            ("toml", "a = 1"),
            ("json", "{\"a\": 1}"),
            ("bash", "ls -l"),
        ] {
            let html = highlighted(code, language);
            assert!(html.contains("class=\"") && html.contains(PREFIX) && !html.contains("style="), "{html}");
        }
        assert!(stylesheet().unwrap().contains(PREFIX));
    }

    #[test]
    fn unknown_languages_stay_plain_and_escaped() {
        assert_eq!(highlighted("<a>", "nulle"), "<pre><code>&lt;a&gt;</code></pre>\n");
    }
}
