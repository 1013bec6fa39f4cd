//! Writes what was imported: all of it or nothing, and never over a file that is there.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{ImportPlan, ImportedContents, ImportedFile};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::output::failed;

impl ImportPlan {
    /// Writes every file below the root folder.
    ///
    /// # Errors
    /// One of them is already there (all such are told), or cannot be written; nothing is left behind then.
    pub fn write(&self, root: &Path) -> Result<(), Diagnostics> {
        let mut taken = Diagnostics::default();
        for file in self.files.iter().filter(|file| root.join(&file.path).symlink_metadata().is_ok()) {
            taken.push(exists(file));
        }
        if !taken.is_empty() {
            return Err(taken.ordered());
        }
        let mut made = Vec::new();
        for file in &self.files {
            if let Err(fault) = write(&root.join(&file.path), file, &mut made) {
                // What cannot be removed is told by the next import, as a file that is there.
                made.iter().rev().for_each(|path| drop(fs::remove_file(path)));
                return Err(fault.into());
            }
        }
        Ok(())
    }
}

fn write(path: &Path, file: &ImportedFile, made: &mut Vec<PathBuf>) -> Result<(), Diagnostic> {
    let told = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(file),
        _ => failed(path, &error),
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(told)?;
    }
    let mut output = OpenOptions::new().write(true).create_new(true).open(path).map_err(told)?;
    made.push(path.to_owned());
    match &file.contents {
        ImportedContents::Text(text) => output.write_all(text.as_bytes()).map_err(told),
        ImportedContents::CopyOf(source) => {
            let mut input = fs::File::open(source).map_err(|error| failed(source, &error))?;
            io::copy(&mut input, &mut output).map(drop).map_err(told)
        }
    }
}

fn exists(file: &ImportedFile) -> Diagnostic {
    Diagnostic::error("import-exists", &[("path", &file.path)]).in_file(&file.path)
}
