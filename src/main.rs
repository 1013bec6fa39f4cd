//! `aops`: the site generator, the gateway and the actuarial engine of AOPS Conseil, in one binary.

mod admin;
mod apart;
mod build;
mod calc;
mod check;
mod config;
mod describe;
mod doctor;
mod external;
mod firewall;
mod follow;
mod import;
mod list;
mod log;
mod new;
mod serve;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Half the time of the system's allocator in answers (`cargo xtask bench`), and it gives memory back.
#[cfg(not(feature = "count-allocations"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(feature = "count-allocations")]
#[global_allocator]
static ALLOCATOR: &stats_alloc::StatsAlloc<std::alloc::System> = &stats_alloc::INSTRUMENTED_SYSTEM;

/// The site generator, the gateway and the actuarial engine of AOPS Conseil.
#[derive(Debug, Parser)]
#[command(name = "aops", version, propagate_version = true)]
struct Cli {
    /// The folder of site.toml
    #[arg(long, global = true, value_name = "DIR", default_value = ".")]
    root: PathBuf,

    /// Print what programs read
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build content and theme into public/
    Build(build::BuildArgs),
    /// Check everything that build checks, and links, anchors, images, translations
    Check(check::CheckArgs),
    /// Begin a new piece of content
    New(new::NewArgs),
    /// Bring content written for Zola, Hugo or Jekyll into content/
    Import(import::ImportArgs),
    /// List documents: drafts, scheduled, untranslated, oldest
    List(list::ListArgs),
    /// Build the site and serve it
    Serve(serve::ServeArgs),
    /// Take calculations from the queue that gateways share
    Worker(worker::WorkerArgs),
    /// Run one calculation without a gateway
    Calc(calc::CalcArgs),
    /// Print the completions of a shell
    Completions(describe::CompletionsArgs),
    /// Print the manual page
    Manual,
    /// Print the components that this program was built with, as CycloneDX JSON
    Components,
    /// Tell what is wrong with configuration, keys, files, ports and store
    Doctor(doctor::DoctorArgs),
    /// Print the nftables rules for this configuration and today's blocklist
    Firewall(firewall::FirewallArgs),
    /// Look after accounts, subscribers, messages, orders and bans
    Admin(admin::AdminArgs),
    /// Starts processes of calculations for the gateway that started this one
    #[command(hide = true)]
    Nursery(apart::NurseryArgs),
    /// One calculation, for the nursery that started this process
    #[command(hide = true)]
    Calculation(apart::CalculationArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Build(args) => build::run(&cli.root, cli.json, &args),
        Command::Check(args) => check::run(&cli.root, cli.json, &args),
        Command::New(args) => new::run(&cli.root, cli.json, &args),
        Command::Import(args) => import::run(&cli.root, cli.json, &args),
        Command::List(args) => list::run(&cli.root, cli.json, &args),
        Command::Completions(args) => Ok(describe::completions::<Cli>(&args)),
        Command::Manual => describe::manual::<Cli>(),
        Command::Components => describe::components(),
        Command::Serve(args) => serve::run(&cli.root, &args),
        Command::Worker(args) => worker::run(&cli.root, &args),
        Command::Calc(args) => calc::run(cli.json, &args),
        Command::Doctor(args) => doctor::run(&cli.root, cli.json, &args),
        Command::Firewall(args) => firewall::run(&cli.root, &args),
        Command::Admin(args) => admin::run(&cli.root, cli.json, args),
        Command::Nursery(args) => apart::nurse(&args),
        Command::Calculation(args) => apart::calculate(&args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
