//! `aops doctor`: a line for each thing wrong.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use aops_gateway::doctor::{self, Finding, dns};
use clap::Args;

use crate::config::Configuration;

/// Arguments of `aops doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Compare the DNS records of letters and certificates with what they should say
    #[arg(long)]
    dns: bool,

    /// Only list these records, for whoever keeps the domain
    #[arg(long, conflicts_with = "dns")]
    dns_records: bool,

    /// Ask this server instead of the system's
    #[arg(long, value_name = "ADDRESS", requires = "dns")]
    dns_server: Option<SocketAddr>,
}

/// Looks, and tells; the process fails when anything is wrong.
///
/// # Errors
/// When it cannot begin to look.
pub(crate) fn run(root: &Path, json: bool, args: &DoctorArgs) -> Result<ExitCode> {
    let settings =
        Configuration::read(root).map_err(Into::into).and_then(|configuration| configuration.settings(root));
    if args.dns_records {
        return records(&settings?, json);
    }
    let findings = match settings {
        Ok(settings) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut findings = doctor::examine(&settings).await;
                if args.dns {
                    findings.extend(dns::compare(&settings, args.dns_server).await);
                }
                findings
            })
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

fn records(settings: &aops_gateway::Settings, json: bool) -> Result<ExitCode> {
    let needed = dns::needed(settings);
    if json {
        println!("{}", serde_json::to_string_pretty(&needed)?);
        return Ok(ExitCode::SUCCESS);
    }
    for one in needed {
        println!("{} {} {}\n    {}", one.name, one.kind, one.value, one.why);
    }
    Ok(ExitCode::SUCCESS)
}
