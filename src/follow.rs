//! `aops serve --watch`: each saved file is taken into the served site; what is at fault is shown in the open pages.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use aops_gateway::SharedApp;
use aops_gateway::web::Site;
use aops_gateway::web::live_reload::{LiveReload, News};
use aops_generator::{Change, Diagnostics, Session, Watcher};

use crate::build;
use crate::config::FILE_NAME;

/// Paths told to open pages, at most: past that, all are told to look.
const TOLD: usize = 1000;

/// Follows the files of a site in a thread of its own. They are watched since before `session` was begun, so that
/// no save is missed.
///
/// # Errors
/// The thread cannot be started.
pub(crate) fn start(
    root: &Path,
    drafts: bool,
    (watcher, session): (Watcher, Session),
    app: SharedApp,
    live_reload: LiveReload,
) -> Result<()> {
    let mut follower = Follower { root: root.to_owned(), drafts, session, app, live_reload };
    std::thread::Builder::new().name("watch".into()).spawn(move || {
        for changed in watcher {
            follower.take(&changed);
        }
    })?;
    Ok(())
}

struct Follower {
    root: PathBuf,
    drafts: bool,
    session: Session,
    app: SharedApp,
    live_reload: LiveReload,
}

impl Follower {
    fn take(&mut self, changed: &BTreeSet<PathBuf>) {
        if changed.iter().any(|path| path.file_name().is_some_and(|name| name == FILE_NAME)) {
            return self.begin_again();
        }
        match self.session.apply(changed) {
            Ok(change) => self.serve(change),
            Err(faults) => self.tell(&faults),
        }
    }

    /// What changed is served first, and written to disk then.
    fn serve(&mut self, change: Change) {
        let Change { files, removed, manifest, elapsed, warnings } = change;
        eprint!("{warnings}");
        let count = files.len();
        let paths: Vec<String> = files.iter().map(|(path, ..)| path.clone()).take(TOLD).collect();
        let all = count > TOLD || paths.iter().any(|path| path.starts_with("/assets/"));
        match self.app.site.load().changed(manifest, files, &removed) {
            Ok(site) => self.app.site.store(Arc::new(site)),
            Err(error) => return tracing::error!(%error, "the new site was not taken"),
        }
        let _ = self.live_reload.send_replace(News { fault: None, paths: paths.into(), all });
        let milliseconds = elapsed.as_secs_f64() * 1000.0;
        tracing::info!(files = count, removed = removed.len(), milliseconds, "rebuilt");
        if let Err(faults) = self.session.write() {
            self.tell(&faults);
        }
    }

    /// Another configuration may mean another site.
    fn begin_again(&mut self) {
        let (config, options) = match build::prepare_to_watch(&self.root, self.drafts) {
            Ok(Ok(prepared)) => prepared,
            Ok(Err(faults)) => return self.tell(&faults),
            Err(error) => return tracing::error!("{error:#}"),
        };
        match Session::begin(&config, &options) {
            Ok((session, _)) => match Site::load(&self.app.settings.public, true) {
                Ok(site) => {
                    self.session = session;
                    self.app.site.store(Arc::new(site));
                    let _ = self.live_reload.send_replace(News { all: true, ..News::default() });
                }
                Err(error) => tracing::error!(%error, "the new site was not taken"),
            },
            Err(faults) => self.tell(&faults),
        }
    }

    /// In the terminal, and in the open pages.
    fn tell(&self, faults: &Diagnostics) {
        let told = faults.to_string();
        eprint!("{told}");
        let _ = self.live_reload.send_replace(News { fault: Some(told.into()), ..News::default() });
    }
}
