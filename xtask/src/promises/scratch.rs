//! The copy of the sources in which promises are broken.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::sh;

/// What browsers' tests load, which is no source.
const MODULES: &str = "tests/browser/node_modules";
/// What nextest is told there: a test that waits for ever for what was broken fails in the end.
const PATIENCE: (&str, &str) =
    (".config/nextest.toml", "[profile.default]\nslow-timeout = { period = \"5m\", terminate-after = 3 }\n");

/// Copies every source beside what is built: what other crates' builds left is of use there too. What an earlier copy has
/// the same of is left alone, so that it is not built anew.
///
/// # Errors
/// Files that cannot be read or written.
pub(super) fn made(root: &Path) -> Result<PathBuf> {
    let scratch = sh::target()?.join("mutations");
    let mut list = Command::new("git");
    list.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = sh::output(list)?;
    let names = listed.split('\0').filter(|name| !name.is_empty());
    copied(root, &scratch, names)?;
    let (name, text) = PATIENCE;
    fs::create_dir_all(scratch.join(name).parent().unwrap_or(&scratch))?;
    fs::write(scratch.join(name), text)?;
    let modules = scratch.join(MODULES);
    if root.join(MODULES).is_dir() && !modules.exists() {
        symlink(root.join(MODULES), modules)?;
    }
    Ok(scratch)
}

/// Brings a copy to the state of the files that are named, and removes others.
fn copied<'a>(root: &Path, copy: &Path, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut named = BTreeSet::new();
    for name in names.filter(|name| root.join(name).is_file()) {
        let (from, to) = (root.join(name), copy.join(name));
        if fs::read(&to).ok() != Some(fs::read(&from).with_context(|| name.to_owned())?) {
            fs::create_dir_all(to.parent().unwrap_or(copy))?;
            fs::copy(&from, &to).with_context(|| name.to_owned())?;
        }
        named.insert(to);
    }
    if copy.is_dir() { prune(copy, &named) } else { Ok(()) }
}

/// Removes the files of a folder that are not named; links are none of ours.
fn prune(folder: &Path, named: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            prune(&path, named)?;
        } else if kind.is_file() && !named.contains(&path) {
            fs::remove_file(&path).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_what_is_named_and_nothing_else_and_what_is_the_same_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (root, copy) = (folder.path().join("root"), folder.path().join("copy"));
        fs::create_dir_all(root.join("src")).unwrap();
        for name in ["same", "src/changed", "gone", "other"] {
            fs::write(root.join(name), "before").unwrap();
        }
        copied(&root, &copy, ["same", "src/changed", "gone", "none"].into_iter()).unwrap();
        let written = fs::metadata(copy.join("same")).unwrap().modified().unwrap();
        fs::write(copy.join("src/changed"), "broken").unwrap();
        fs::write(copy.join("src/left"), "by a test").unwrap();
        copied(&root, &copy, ["same", "src/changed"].into_iter()).unwrap();
        assert_eq!(fs::read_to_string(copy.join("src/changed")).unwrap(), "before");
        assert_eq!(fs::metadata(copy.join("same")).unwrap().modified().unwrap(), written);
        for gone in ["gone", "other", "src/left"] {
            assert!(!copy.join(gone).exists(), "{gone}");
        }
    }
}
