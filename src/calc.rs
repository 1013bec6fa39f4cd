//! `aops calc`
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
/// x
#[derive(Debug, Args)]
pub(crate) struct CalcArgs {
    module: String,
    #[arg(long)]
    input: PathBuf,
    #[arg(long)]
    params: Option<PathBuf>,
    #[arg(long)]
    output: PathBuf,
}
pub(crate) fn run(_json: bool, _args: &CalcArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("later")
}
