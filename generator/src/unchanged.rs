//! Whether a build would write again what already stands in its output: a digest over everything it would read.

use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Instant;

use aops_manifest::{FILE_NAME, Manifest};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::build::BuildReport;
use crate::config::{BuildOptions, SiteConfig};
use crate::diagnostics::{Diagnostics, Severity};
use crate::digest::hex;
use crate::files;

/// What a build was made from, and where that is remembered.
#[derive(Debug)]
pub(crate) struct Unchanged {
    begun: Instant,
    digest: String,
    remembered: PathBuf,
    output: PathBuf,
}

/// What is remembered of a build.
#[derive(Debug, Serialize, Deserialize)]
struct Memory {
    inputs: String,
    /// The manifest's own digest.
    build: String,
    pages: usize,
}

impl Unchanged {
    /// Reads everything that a build would read. Nothing is remembered of builds that have warnings, so that
    /// these are told each time; nor when a file cannot be read, so that the build tells why.
    pub(crate) fn look(config: &SiteConfig, options: &BuildOptions) -> Option<Self> {
        if config.updated_from_git {
            return None;
        }
        let begun = Instant::now();
        let mut faults = Diagnostics::default();
        let mut paths = files::walk(&options.root, &options.root.join("content"), &mut faults);
        paths.extend(files::walk(
            &options.root,
            &options.root.join("themes").join(&config.theme),
            &mut faults,
        ));
        if !faults.is_empty() {
            return None;
        }
        let each: Option<Vec<u128>> = paths.par_iter().map(|path| fingerprint(path)).collect();
        let mut digest = Sha256::new();
        for one in each? {
            digest.update(one.to_le_bytes());
        }
        // Another version of this program may write other files.
        digest.update(fs::read_link("/proc/self/exe").ok().and_then(|own| fingerprint(&own))?.to_le_bytes());
        digest.update(format!("{config:?} {options:?}"));
        let output = std::path::absolute(&options.output).ok()?;
        let name = hex(&Sha256::digest(output.as_os_str().as_encoded_bytes())[..8]);
        let remembered = options.root.join(".cache/builds").join(name);
        Some(Self { begun, digest: hex(&digest.finalize()), remembered, output })
    }

    /// The report of a build that has nothing to do, if this is one.
    pub(crate) fn report(&self) -> Option<BuildReport> {
        let memory: Memory = serde_json::from_slice(&fs::read(&self.remembered).ok()?).ok()?;
        if memory.inputs != self.digest {
            return None;
        }
        let manifest: Manifest = serde_json::from_slice(&fs::read(self.output.join(FILE_NAME)).ok()?).ok()?;
        let as_written = |file: &str, length: u64| {
            fs::metadata(self.output.join(file)).is_ok_and(|metadata| metadata.len() == length)
        };
        let entries: Vec<_> = manifest.entries.values().collect();
        let whole = entries.par_iter().all(|entry| {
            as_written(&entry.file, entry.length)
                && entry.variants.values().all(|variant| as_written(&variant.file, variant.length))
        });
        let elapsed = self.begun.elapsed();
        (manifest.build == memory.build && whole).then(|| BuildReport {
            pages: memory.pages,
            files: manifest.entries.len(),
            unchanged: true,
            warnings: Diagnostics::default(),
            phases: vec![("look", elapsed)],
            elapsed,
        })
    }

    /// Remembers a build for the next time; when that cannot be written, the next build only costs its time.
    pub(crate) fn remember(&self, build: &str, report: &BuildReport) {
        if report.warnings.iter().any(|fault| fault.severity != Severity::Note) {
            let _ = fs::remove_file(&self.remembered);
            return;
        }
        let memory = Memory { inputs: self.digest.clone(), build: build.to_owned(), pages: report.pages };
        let folder = self.remembered.parent().unwrap_or(Path::new("."));
        if let Ok(json) = serde_json::to_vec(&memory) {
            let _ = fs::create_dir_all(folder).and_then(|()| fs::write(&self.remembered, json));
        }
    }
}

/// A file's name, length, and times of content and of place: what changes when the file does.
fn fingerprint(path: &Path) -> Option<u128> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(path).ok()?;
    let hashed = |salt: u8| {
        let mut key = std::hash::DefaultHasher::new();
        salt.hash(&mut key);
        path.as_os_str().hash(&mut key);
        (metadata.len(), metadata.ino()).hash(&mut key);
        (metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()).hash(&mut key);
        key.finish()
    };
    Some(u128::from(hashed(0)) << 64 | u128::from(hashed(1)))
}
