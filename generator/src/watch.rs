//! Tells when files of a site change, in groups: one save of an editor is one change. It rebuilds nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::diagnostics::{Diagnostic, Diagnostics};

/// A file that was closed or renamed is whole: what comes within this time belongs to the same save.
const SETTLED: Duration = Duration::from_millis(2);
/// A file that is still being written is waited for.
const WRITING: Duration = Duration::from_millis(25);

/// Changes of `content/`, `themes/` and `site.toml`, as an iterator that waits for the next one.
#[derive(Debug)]
pub struct Watcher {
    events: Receiver<notify::Result<Event>>,
    roots: Vec<PathBuf>,
    // Dropping it would end the watch.
    _watcher: RecommendedWatcher,
}

impl Watcher {
    /// Watches the site of a root folder.
    ///
    /// # Errors
    /// The folders are missing or the system refuses.
    pub fn new(root: &Path) -> Result<Self, Diagnostics> {
        let refused = |path: &Path, error: &notify::Error| {
            let path = path.display().to_string();
            Diagnostics::from(Diagnostic::error(
                "watch-failed",
                &[("path", &path), ("reason", &error.to_string())],
            ))
        };
        let root = root.canonicalize().map_err(|error| refused(root, &error.into()))?;
        let (sender, events) = channel();
        let mut watcher = notify::recommended_watcher(sender).map_err(|error| refused(&root, &error))?;
        let roots: Vec<PathBuf> = ["content", "themes", "site.toml"].map(|name| root.join(name)).into();
        for folder in roots.iter().filter(|path| path.is_dir()) {
            watcher.watch(folder, RecursiveMode::Recursive).map_err(|error| refused(folder, &error))?;
        }
        // A file that editors replace by renaming is followed through its folder.
        watcher.watch(&root, RecursiveMode::NonRecursive).map_err(|error| refused(&root, &error))?;
        Ok(Self { events, roots, _watcher: watcher })
    }

    /// Adds what an event tells; whether the file is whole now.
    fn add(&self, changed: &mut BTreeSet<PathBuf>, event: notify::Result<Event>) -> bool {
        let Ok(event) = event else { return true };
        let closed = event.kind == EventKind::Access(AccessKind::Close(AccessMode::Write));
        if matches!(event.kind, EventKind::Access(_)) && !closed {
            return true;
        }
        let ours = |path: &PathBuf| self.roots.iter().any(|root| path.starts_with(root)) && !is_backup(path);
        let before = changed.len();
        changed.extend(event.paths.into_iter().filter(ours));
        let writing = matches!(event.kind, EventKind::Create(_) | EventKind::Modify(ModifyKind::Data(_)));
        !(writing && changed.len() > before) || closed
    }
}

impl Iterator for Watcher {
    type Item = BTreeSet<PathBuf>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut changed = BTreeSet::new();
        let mut whole = true;
        while changed.is_empty() {
            let event = self.events.recv().ok()?;
            whole = self.add(&mut changed, event);
        }
        while let Ok(event) = self.events.recv_timeout(if whole { SETTLED } else { WRITING }) {
            let closed = matches!(&event, Ok(event) if matches!(event.kind, EventKind::Access(_)));
            let now = self.add(&mut changed, event);
            whole = if closed { true } else { whole && now };
        }
        Some(changed)
    }
}

/// What editors leave beside the file while they save.
fn is_backup(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name.starts_with('.') || name.ends_with('~') || name.ends_with(".swp") || name == "4913"
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_save_is_one_change_and_backups_are_none() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("content")).unwrap();
        let mut watcher = Watcher::new(root.path()).unwrap();
        fs::write(root.path().join("content/.a.md.swp"), "x").unwrap();
        fs::write(root.path().join("content/a.md"), "x").unwrap();
        fs::write(root.path().join("content/a.md"), "y").unwrap();
        let changed: Vec<_> =
            watcher.next().unwrap().into_iter().filter_map(|p| p.file_name().map(|n| n.to_owned())).collect();
        assert_eq!(changed, ["a.md"]);
    }

    #[test]
    fn a_file_put_in_place_by_renaming_is_a_change_and_so_is_one_that_goes() {
        let root = tempfile::tempdir().unwrap();
        let content = root.path().join("content");
        fs::create_dir_all(&content).unwrap();
        fs::write(content.join("a.md"), "x").unwrap();
        let mut watcher = Watcher::new(root.path()).unwrap();
        fs::write(content.join(".a.md.tmp"), "y").unwrap();
        fs::rename(content.join(".a.md.tmp"), content.join("a.md")).unwrap();
        let names = |changed: BTreeSet<PathBuf>| -> Vec<_> {
            changed.into_iter().filter_map(|path| path.file_name().map(ToOwned::to_owned)).collect()
        };
        assert_eq!(names(watcher.next().unwrap()), ["a.md"]);
        fs::remove_file(content.join("a.md")).unwrap();
        assert_eq!(names(watcher.next().unwrap()), ["a.md"]);
    }
}
