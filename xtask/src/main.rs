//! Development tasks: `cargo xtask test`, `bench`, `soak`, `figures`, `promises`, `sbom`.

mod bench;
mod figures;
mod fuzz;
mod gateway;
mod hostile;
mod promises;
mod sbom;
mod sh;
mod soak;
mod sources;
mod test;
mod tools;

use anyhow::Result;
use clap::{Parser, Subcommand};

use self::bench::Part;

/// Development tasks of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Install what tests need, then run every check
    Test {
        /// Add what takes minutes
        #[arg(long)]
        slow: bool,
    },
    /// Measure, on a release build, and print the figures
    Bench {
        /// Record a flame graph of the cold build of 10,000 pages instead
        #[arg(long)]
        flame: bool,
        /// Only the gateway beside nginx
        #[arg(long)]
        edge: bool,
        /// Only the store, subscriptions, a million subscribers, the recovery drill and an issue to 100,000 readers
        #[arg(long)]
        data: bool,
        /// Only sign-ins beside static pages, and the check of a session
        #[arg(long)]
        accounts: bool,
        /// Only an issue of the newsletter to 100,000 readers
        #[arg(long)]
        newsletter: bool,
        /// Only webhooks of the payment processor
        #[arg(long)]
        payments: bool,
        /// Only files of 100,000 employees, received and checked
        #[arg(long)]
        datasets: bool,
        /// Only calculations asked for by a program, and their reports
        #[arg(long)]
        service: bool,
        /// Only a thousand calculations of fifty organisations, and one worker against two
        #[arg(long)]
        turns: bool,
        /// Only one person's rights among a million records, and an evidence pack
        #[arg(long)]
        policy: bool,
        /// Count the allocations of a request instead
        #[arg(long)]
        allocations: bool,
    },
    /// Have testssl.sh and slowhttptest judge a debug build; part of `test --slow`
    Hostile {
        /// One of the two alone
        #[arg(value_enum)]
        only: Option<hostile::Tool>,
    },
    /// Run every fuzz target for a minute; part of `test --slow`
    Fuzz,
    /// Load a gateway with pages, forms, abuse and slow peers; fail where what it holds grows
    Soak {
        /// For how long
        #[arg(long, default_value_t = 60)]
        minutes: u64,
    },
    /// Print each promise of the privacy policy with its passage, its code and its tests; fail where one lacks
    Promises {
        /// As JSON
        #[arg(long)]
        json: bool,
        /// Do not fail for what `xtask/promises.toml` tells as missing
        #[arg(long)]
        gaps_told: bool,
        /// Run exactly these tests as well
        #[arg(long)]
        run: bool,
        /// Write the results to this file, for `aops admin audit pack --tests`
        #[arg(long, value_name = "FILE", requires = "run", conflicts_with = "only")]
        report: Option<std::path::PathBuf>,
        /// Look at these promises alone
        #[arg(long, num_args = 1.., value_name = "PROMISE", conflicts_with = "mutate")]
        only: Vec<String>,
        /// Instead, break promises on purpose in a copy of the sources, those named or all, and fail where no test notices:
        /// first what needs no build, then what does
        #[arg(long, num_args = 0.., value_name = "PROMISE")]
        mutate: Option<Vec<String>>,
        /// Break so many at once and build once for them, each in a file and with tests of its own; those of a batch that does
        /// not build are tried one by one
        #[arg(long, default_value = "1", value_name = "N", requires = "mutate")]
        together: std::num::NonZeroUsize,
    },
    /// Write the components of the binary as CycloneDX, as its evidence packs have them
    Sbom {
        /// Where to
        #[arg(default_value = "target/composants.cdx.json")]
        file: std::path::PathBuf,
    },
    /// Compute the worked figures of the articles again and write them beside their pages
    Figures {
        /// Only compare; fail where a page states another figure than the engine
        #[arg(long)]
        check: bool,
    },
}

fn main() -> Result<()> {
    match Cli::parse().task {
        Task::Test { slow } => test::run(slow),
        Task::Bench { flame: true, .. } => bench::flame(),
        Task::Bench { allocations: true, .. } => bench::allocations(),
        Task::Bench {
            edge, data, accounts, newsletter, payments, datasets, service, turns, policy, ..
        } => {
            let only = [
                (edge, Part::Edge),
                (data, Part::Data),
                (accounts, Part::Accounts),
                (newsletter, Part::Newsletter),
                (payments, Part::Payments),
                (datasets, Part::Datasets),
                (service, Part::Service),
                (turns, Part::Turns),
                (policy, Part::Policy),
            ];
            bench::run(only.into_iter().find_map(|(wanted, part)| wanted.then_some(part)))
        }
        Task::Hostile { only } => {
            tools::install()?;
            sh::run(sh::command("cargo", &["build", "--workspace", "--bins"]))?;
            hostile::run(only)
        }
        Task::Fuzz => fuzz::run(),
        Task::Soak { minutes } => {
            sh::run(sh::command("cargo", &["build", "--release", "--workspace", "--bins"]))?;
            soak::run(minutes, "release")
        }
        Task::Promises { json, gaps_told, run, report, only, mutate, together } => {
            let mutate = mutate.map(|only| promises::Mutate { only, together });
            promises::run(&promises::Asked { json, gaps_told, run, report, only, mutate })
        }
        Task::Sbom { file } => sbom::write(&file),
        Task::Figures { check } => figures::run(check),
    }
}
