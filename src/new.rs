//! `aops new`: the beginning of a new piece of content.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::build::{refused, today};

/// Arguments of `aops new`.
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// An article in French, as a draft of today
    Article {
        /// Its title, from which the file is named
        title: String,
    },
}

/// Makes the file and tells its path.
///
/// # Errors
/// None now; faults are printed.
pub(crate) fn run(root: &Path, json: bool, args: &NewArgs) -> Result<ExitCode> {
    let Kind::Article { title } = &args.kind;
    match aops_generator::new_article(root, title, today()) {
        Ok(path) if json => println!("{}", json!({ "path": path })),
        Ok(path) => println!("{}", path.display()),
        Err(faults) => return Ok(refused(&faults, json)),
    }
    Ok(ExitCode::SUCCESS)
}
