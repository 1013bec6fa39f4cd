//! `aops doctor`: a line for each thing wrong.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use aops_gateway::doctor::{self, Finding};

use crate::config::Configuration;

/// Looks, and tells; the process fails when anything is wrong.
///
/// # Errors
/// When it cannot begin to look.
pub(crate) fn run(root: &Path, json: bool) -> Result<ExitCode> {
    let settings =
        Configuration::read(root).map_err(Into::into).and_then(|configuration| configuration.settings(root));
    let findings = match settings {
        Ok(settings) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(doctor::examine(&settings))
        }
        Err(error) => vec![Finding { subject: "configuration", what: format!("{error:#}") }],
    };
    if json {
        println!("{}", serde_json::to_string_pretty(&findings)?);
    } else if findings.is_empty() {
        println!("nothing is wrong");
    }
    for finding in findings.iter().filter(|_| !json) {
        println!("{}: {}", finding.subject, finding.what);
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
