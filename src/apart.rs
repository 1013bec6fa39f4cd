//! The processes of calculations, which only a gateway or a worker starts: `aops nursery`, `aops calculation`.

use std::process::ExitCode;

use anyhow::{Context, Result};
use aops_gateway::calculations::{self, Bounds};
use clap::Args;

/// Arguments of `aops nursery`.
#[derive(Debug, Args)]
pub(crate) struct NurseryArgs {
    /// What a calculation may take, in JSON
    bounds: String,
}

/// Arguments of `aops calculation`.
#[derive(Debug, Args)]
pub(crate) struct CalculationArgs {
    /// What it may take, in JSON
    bounds: String,
    /// The process that started it
    parent: i32,
}

/// Starts processes until nobody asks any more.
///
/// # Errors
/// What keeps it from doing so.
pub(crate) fn nurse(args: &NurseryArgs) -> Result<ExitCode> {
    calculations::nurse(bounds(&args.bounds)?)
        .context("standard input is a gateway's, which starts this command")?;
    Ok(ExitCode::SUCCESS)
}

/// Computes once.
///
/// # Errors
/// When the bounds are none.
pub(crate) fn calculate(args: &CalculationArgs) -> Result<ExitCode> {
    Ok(calculations::calculate(bounds(&args.bounds)?, args.parent))
}

fn bounds(text: &str) -> Result<Bounds> {
    serde_json::from_str(text).context("these are no bounds of a calculation")
}
