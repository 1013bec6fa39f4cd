//! `aops completions`, `aops manual` and `aops components`: what the program says of itself.

use std::io::stdout;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Arguments of `aops completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell to complete in
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the completions of a shell.
pub(crate) fn completions<C: CommandFactory>(args: &CompletionsArgs) -> ExitCode {
    clap_complete::generate(args.shell, &mut C::command(), "aops", &mut stdout());
    ExitCode::SUCCESS
}

/// Prints the manual page, those of the sub-commands after it.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn manual<C: CommandFactory>() -> Result<ExitCode> {
    let mut command = C::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut stdout())?;
    for sub in command.get_subcommands() {
        clap_mangen::Man::new(sub.clone()).render(&mut stdout())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the components that the program was built with.
///
/// # Errors
/// Its lock file cannot be read.
pub(crate) fn components() -> Result<ExitCode> {
    let components = aops_gateway::evidence::cyclonedx().map_err(|why| anyhow!(why))?;
    println!("{}", serde_json::to_string_pretty(&components)?);
    Ok(ExitCode::SUCCESS)
}
