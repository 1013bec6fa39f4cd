//! `aops check`: everything that may be wrong with the site, without writing it.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::build::{prepare, refused};

/// Arguments of `aops check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Ask other sites too whether links to them are good
    #[arg(long)]
    external: bool,

    /// Look at drafts too
    #[arg(long)]
    drafts: bool,
}

/// Checks, and tells every fault and warning; faults make it fail.
///
/// # Errors
/// `site.toml` cannot be read.
pub(crate) fn run(root: &Path, json: bool, args: &CheckArgs) -> Result<ExitCode> {
    let (config, mut options) = match prepare(root)? {
        Ok(prepared) => prepared,
        Err(faults) => return Ok(refused(&faults, json)),
    };
    options.drafts = args.drafts;
    let report = aops_generator::check(&config, &options, args.external);
    if json {
        println!(
            "{}",
            json!({ "pages": report.pages, "seconds": report.elapsed.as_secs_f64(), "faults": report.faults })
        );
    } else {
        eprint!("{}", report.faults);
        println!(
            "{} pages, {} fault(s) or warning(s) in {:.0?}",
            report.pages,
            report.faults.len(),
            report.elapsed
        );
    }
    Ok(if report.faults.has_errors() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
