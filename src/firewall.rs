//! `aops firewall`: the nftables rules for this site.toml and today's blocklist.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::config::Configuration;

/// Arguments of `aops firewall`.
#[derive(Debug, Args)]
pub(crate) struct FirewallArgs {
    /// Let the kernel shake hands first (SYN floods)
    #[arg(long)]
    synproxy: bool,
}

/// Prints the rules.
///
/// # Errors
/// A configuration or a list that is wrong.
pub(crate) fn run(root: &Path, args: &FirewallArgs) -> Result<ExitCode> {
    let settings = Configuration::read(root)?.settings(root)?;
    print!("{}", aops_gateway::firewall::rules(&settings, args.synproxy)?);
    Ok(ExitCode::SUCCESS)
}
