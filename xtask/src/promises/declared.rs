//! What keeps each promise, as `xtask/promises.toml` says.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// The file.
pub(super) const FILE: &str = "xtask/promises.toml";

/// What is said of one promise.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Declared {
    /// `file#item`: a function, type or constant of Rust, or words that stand in another file.
    #[serde(default)]
    pub(super) keeps: Vec<String>,
    /// Kept by people, as the policy says; there is nothing to test.
    #[serde(default)]
    pub(super) organisational: bool,
    /// Why it is not whole yet.
    pub(super) missing: Option<String>,
}

/// Reads the file.
///
/// # Errors
/// When it cannot be read, or says what nobody knows.
pub(super) fn read(root: &Path) -> Result<BTreeMap<String, Declared>> {
    let source = std::fs::read_to_string(root.join(FILE)).context(FILE)?;
    toml::from_str(&source).context(FILE)
}

/// Why what was named as keeping a promise does not, when it is gone.
pub(super) fn gone(root: &Path, item: &str) -> Option<String> {
    let Some((file, name)) = item.split_once('#') else {
        return Some(format!("`{item}` names no item (`file#item`)"));
    };
    let Ok(source) = std::fs::read_to_string(root.join(file)) else {
        return Some(format!("`{file}` is gone"));
    };
    let there = if file.ends_with(".rs") { declares(&source, name) } else { source.contains(name) };
    (!there).then(|| format!("`{name}` is gone from `{file}`"))
}

/// Whether a source of Rust declares a name.
fn declares(source: &str, name: &str) -> bool {
    const KINDS: [&str; 8] = ["fn", "struct", "enum", "trait", "const", "static", "type", "mod"];
    source.lines().any(|line| {
        let words: Vec<&str> = line.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
        words.windows(2).any(|pair| matches!(pair, [kind, declared] if KINDS.contains(kind) && *declared == name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_that_is_gone_is_told() {
        assert!(declares("pub(crate) async fn sweep(app: &App) {", "sweep"));
        assert!(declares("    pub const TERM: Term = Term::months(6);", "TERM"));
        assert!(!declares("// sweep is no more\nsweep(&app);", "sweep"));
        let root = crate::sh::repository();
        assert_eq!(gone(&root, "xtask/src/sh.rs#repository"), None);
        assert!(gone(&root, "xtask/src/sh.rs#nothing").is_some());
        assert!(gone(&root, "xtask/src/none.rs#run").is_some());
        assert!(gone(&root, "xtask/src/sh.rs").is_some());
    }
}
