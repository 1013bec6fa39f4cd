//! A small site in a temporary folder, with other files laid over it.

use std::fs;
use std::path::{Path, PathBuf};

use aops_generator::{BuildOptions, BuildReport, Diagnostics, SiteConfig, build, diagnostics};
use tempfile::TempDir;

/// The folder of fixtures.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The small site, with the files of another folder laid over it.
pub(crate) fn site(over: Option<&Path>) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    lay(&fixtures().join("site"), root.path());
    if let Some(over) = over {
        lay(over, root.path());
    }
    root
}

/// Options of a plain build on a fixed day.
pub(crate) fn options(root: &Path) -> BuildOptions {
    let mut options = BuildOptions::new(root, jiff::civil::date(2026, 11, 23));
    options.data.insert("company".into(), serde_json::json!({ "dpo_email": "dpo@essai.example" }));
    options
}

/// What `site.toml` says.
pub(crate) fn config(root: &Path) -> Result<SiteConfig, Diagnostics> {
    let text = fs::read_to_string(root.join("site.toml")).unwrap();
    toml::from_str(&text).map_err(|error| diagnostics::from_toml("site.toml", &text, &error))
}

/// A plain build of a site.
pub(crate) fn built(root: &Path) -> Result<BuildReport, Diagnostics> {
    build(&config(root)?, &options(root))
}

fn lay(from: &Path, to: &Path) {
    for entry in
        walkdir::WalkDir::new(from).into_iter().map(Result::unwrap).filter(|e| e.file_type().is_file())
    {
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(entry.path(), target).unwrap();
    }
}
