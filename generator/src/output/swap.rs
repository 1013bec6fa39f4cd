//! A folder built beside the old one, then put in its place in one step: readers see one site or the other.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::failed;
use crate::diagnostics::Diagnostic;

/// A folder in the making; removed if it is never put in place.
#[derive(Debug)]
pub(crate) struct Staging {
    output: PathBuf,
    folder: PathBuf,
}

impl Staging {
    /// Makes an empty folder beside `output`, on the same file system.
    pub(crate) fn new(output: &Path) -> Result<Self, Diagnostic> {
        let output = std::path::absolute(output).map_err(|error| failed(output, &error))?;
        let name = output.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let prefix = format!(".{name}.");
        let folder = output.with_file_name(format!("{prefix}{}", std::process::id()));
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|error| failed(&folder, &error))?;
        }
        remove_abandoned(&output, &prefix);
        fs::create_dir_all(&folder).map_err(|error| failed(&output, &error))?;
        Ok(Self { output, folder })
    }

    /// Where to write.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts the folder in place of the old one, which is removed.
    pub(crate) fn put_in_place(self) -> Result<(), Diagnostic> {
        if !self.output.exists() {
            return fs::rename(&self.folder, &self.output).map_err(|error| failed(&self.output, &error));
        }
        // Some file systems cannot exchange: there the old folder steps aside first.
        if renameat_with(CWD, &self.folder, CWD, &self.output, RenameFlags::EXCHANGE).is_err() {
            let aside = self.folder.with_extension("old");
            fs::rename(&self.output, &aside).map_err(|error| failed(&self.output, &error))?;
            fs::rename(&self.folder, &self.output).map_err(|error| failed(&self.output, &error))?;
            fs::rename(&aside, &self.folder).map_err(|error| failed(&aside, &error))?;
        }
        Ok(())
    }
}

/// Removes what builds that were killed left beside an output: folders named after processes that are no more.
fn remove_abandoned(output: &Path, prefix: &str) {
    let beside = output.parent().and_then(|parent| fs::read_dir(parent).ok());
    for entry in beside.into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(prefix)?.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new("/proc").join(process.to_string()).exists()) {
            // Another build may remove it at the same time.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_folder_replaces_the_old_one_whole() {
        let root = tempfile::tempdir().unwrap();
        let output = root.path().join("public");
        for name in ["a", "b"] {
            let staging = Staging::new(&output).unwrap();
            fs::write(staging.folder().join(name), name).unwrap();
            staging.put_in_place().unwrap();
        }
        let left: Vec<_> = fs::read_dir(&output).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["b"]);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_build_left_is_removed() {
        let root = tempfile::tempdir().unwrap();
        // No process has this number: it is past the kernel's largest.
        fs::create_dir(root.path().join(".public.4294967290")).unwrap();
        fs::create_dir(root.path().join(".public.notes")).unwrap();
        Staging::new(&root.path().join("public")).unwrap().put_in_place().unwrap();
        let mut left: Vec<_> = fs::read_dir(root.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".public.notes", "public"]);
    }

    #[test]
    fn a_build_that_fails_leaves_the_old_folder() {
        let root = tempfile::tempdir().unwrap();
        let output = root.path().join("public");
        fs::create_dir(&output).unwrap();
        drop(Staging::new(&output).unwrap());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
