//! `aops import`: content of another generator, brought into `content/`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use aops_generator::{ImportFrom, ImportOptions, Language};
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::build::{prepare, refused};

/// Arguments of `aops import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The folder of the other site, or of its content
    dir: PathBuf,

    /// The language that its texts are written in
    #[arg(long, value_enum)]
    to: To,

    /// The generator that it was written for
    #[arg(long, value_enum, default_value_t = From::Auto)]
    from: From,

    /// Folder to write, below the one of the language [default: that folder itself]
    #[arg(long, value_name = "FOLDER", default_value = "", hide_default_value = true)]
    into: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum To {
    Fr,
    En,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum From {
    Auto,
    Hugo,
    Jekyll,
    Zola,
}

/// Reads all, writes all or nothing, and tells what could not be converted.
///
/// # Errors
/// `site.toml` cannot be read.
pub(crate) fn run(root: &Path, json: bool, args: &ImportArgs) -> Result<ExitCode> {
    let config = match prepare(root)? {
        Ok((config, _)) => config,
        Err(faults) => return Ok(refused(&faults, json)),
    };
    let options = ImportOptions {
        from: match args.from {
            From::Auto => None,
            From::Hugo => Some(ImportFrom::Hugo),
            From::Jekyll => Some(ImportFrom::Jekyll),
            From::Zola => Some(ImportFrom::Zola),
        },
        language: match args.to {
            To::Fr => Language::Fr,
            To::En => Language::En,
        },
        folder: args.into.clone(),
        taxonomies: config.taxonomies.iter().map(|taxonomy| taxonomy.name().to_owned()).collect(),
    };
    let plan = match aops_generator::import(&args.dir, &options) {
        Ok(plan) => plan,
        Err(faults) => return Ok(refused(&faults, json)),
    };
    if let Err(faults) = plan.write(root) {
        return Ok(refused(&faults, json));
    }
    if json {
        let files: Vec<&str> = plan.files.iter().map(|file| file.path.as_str()).collect();
        println!("{}", json!({ "files": files, "not_converted": plan.not_converted }));
    } else {
        eprint!("{}", plan.not_converted);
        println!("{} files written, {} thing(s) to look at", plan.files.len(), plan.not_converted.len());
    }
    Ok(ExitCode::SUCCESS)
}
