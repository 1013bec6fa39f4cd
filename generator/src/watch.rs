//! Telling when something of a site's sources changed.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

/// Editors write a file in several strokes: changes so close together count as one.
const SETTLED: Duration = Duration::from_millis(25);

/// Changes of `content/`, `themes/` and `site.toml`, as an endless iterator over the paths of each.
#[derive(Debug)]
pub struct Watcher {
    // Ends the watch when dropped.
    _watcher: RecommendedWatcher,
    events: Receiver<notify::Result<notify::Event>>,
}

impl Watcher {
    /// Watches a root folder.
    ///
    /// # Errors
    /// When the system gives no watch.
    pub fn new(root: &Path) -> notify::Result<Self> {
        let (sender, events) = mpsc::channel();
        let mut watcher = notify::recommended_watcher(sender)?;
        for name in ["content", "themes"] {
            // A linked folder is watched where it really stands.
            let folder = root.join(name).canonicalize().unwrap_or_else(|_| root.join(name));
            watcher.watch(&folder, RecursiveMode::Recursive)?;
        }
        watcher.watch(root, RecursiveMode::NonRecursive)?;
        Ok(Self { _watcher: watcher, events })
    }

    fn next_change(&self) -> Option<Vec<PathBuf>> {
        let mut changed = Vec::new();
        loop {
            let event = if changed.is_empty() {
                self.events.recv().ok()?
            } else {
                match self.events.recv_timeout(SETTLED) {
                    Ok(event) => event,
                    Err(RecvTimeoutError::Timeout) => return Some(changed),
                    Err(RecvTimeoutError::Disconnected) => return None,
                }
            };
            let Ok(event) = event else { continue };
            if !matches!(event.kind, EventKind::Access(_)) {
                changed.extend(event.paths.into_iter().filter(|path| is_source(path)));
            }
        }
    }
}

impl Iterator for Watcher {
    type Item = Vec<PathBuf>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_change()
    }
}

/// What is built from; not what the build itself writes beside it, nor editors' own files.
fn is_source(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let own = name.starts_with("public") || name == "data";
    !own && !name.starts_with('.') && !name.ends_with('~')
}
