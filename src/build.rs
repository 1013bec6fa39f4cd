//! `aops build`: content and theme to a folder of files, with what was made or what is at fault.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use aops_generator::{BuildOptions, BuildReport, Diagnostics, Progress, Session, SiteConfig};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::config::{self, Configuration, ConfigurationError};

/// Arguments of `aops build`.
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// Folder to write, replaced as a whole [default: AOPS_PUBLIC, or public/ of the root]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Address of the site, instead of the one of site.toml
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,

    /// Publish drafts too
    #[arg(long)]
    drafts: bool,

    /// Leave out compressed forms, the search index and made pictures
    #[arg(long)]
    plain: bool,

    /// Tell how long each part took
    #[arg(long)]
    timings: bool,
}

/// Builds, and tells pages, time and faults.
///
/// # Errors
/// `site.toml` cannot be read.
pub(crate) fn run(root: &Path, json: bool, args: &BuildArgs) -> Result<ExitCode> {
    let (config, mut options) = match prepare(root)? {
        Ok(prepared) => prepared,
        Err(faults) => return Ok(refused(&faults, json)),
    };
    if let Some(output) = &args.output {
        options.output.clone_from(output);
    }
    options.base_url.clone_from(&args.base_url);
    options.drafts = args.drafts;
    options.plain = args.plain;
    let bar = ProgressBar::no_length();
    if !json {
        // It draws on a terminal alone.
        let shown = bar.clone().with_style(ProgressStyle::with_template("{msg} {pos}/{len} {bar:40}")?);
        options.progress = Progress::new(move |part, done, total| {
            shown.set_message(part);
            shown.set_length(total as u64);
            shown.set_position(done as u64);
        });
    }
    let built = aops_generator::build(&config, &options);
    bar.finish_and_clear();
    match built {
        Ok(report) if json => {
            let phases: serde_json::Map<_, _> = report
                .phases
                .iter()
                .map(|(name, time)| ((*name).to_owned(), json!(time.as_secs_f64())))
                .collect();
            println!(
                "{}",
                json!({
                    "pages": report.pages,
                    "files": report.files,
                    "unchanged": report.unchanged,
                    "seconds": report.elapsed.as_secs_f64(),
                    "phases": phases,
                    "faults": report.warnings,
                })
            );
            Ok(ExitCode::SUCCESS)
        }
        Ok(report) => {
            tell(&report);
            if args.timings {
                for (name, time) in &report.phases {
                    println!("  {name:<10}{:>9.1} ms", time.as_secs_f64() * 1000.0);
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(faults) => Ok(refused(&faults, json)),
    }
}

/// Builds for the gateway. Faults are printed, and mean `false`.
///
/// # Errors
/// `site.toml` cannot be read.
pub(crate) fn for_serving(root: &Path, drafts: bool) -> Result<bool> {
    let (config, options) = match prepare_to_serve(root, drafts)? {
        Ok(prepared) => prepared,
        Err(faults) => {
            refused(&faults, false);
            return Ok(false);
        }
    };
    // Threads of its own, which end with the build: what serves is bounded, and so are the threads that it starts.
    let threads = rayon::ThreadPoolBuilder::new().build()?;
    match threads.install(|| aops_generator::build(&config, &options)) {
        Ok(report) => {
            tell(&report);
            Ok(true)
        }
        Err(faults) => {
            refused(&faults, false);
            Ok(false)
        }
    }
}

/// Builds for the gateway, in haste and without compressed forms, and keeps what the site was made from. Faults are
/// printed, and mean `None`.
///
/// # Errors
/// `site.toml` cannot be read.
pub(crate) fn session(root: &Path, drafts: bool) -> Result<Option<Session>> {
    let begun =
        prepare_to_watch(root, drafts)?.and_then(|(config, options)| Session::begin(&config, &options));
    match begun {
        Ok((session, report)) => {
            tell(&report);
            Ok(Some(session))
        }
        Err(faults) => {
            refused(&faults, false);
            Ok(None)
        }
    }
}

/// As for the gateway, in haste.
///
/// # Errors
/// `site.toml` cannot be read.
pub(crate) fn prepare_to_watch(
    root: &Path,
    drafts: bool,
) -> Result<Result<(SiteConfig, BuildOptions), Diagnostics>> {
    let prepared = prepare_to_serve(root, drafts)?;
    Ok(prepared.map(|(config, options)| (config, BuildOptions { uncompressed: true, ..options })))
}

fn prepare_to_serve(root: &Path, drafts: bool) -> Result<Result<(SiteConfig, BuildOptions), Diagnostics>> {
    let base_url = Configuration::read(root).ok().and_then(|c| c.settings(root).ok()).map(|s| s.base_url);
    Ok(prepare(root)?
        .map(|(config, options)| (config, BuildOptions { drafts, base_url, plain: false, ..options })))
}

/// What `site.toml` says to the generator, or its faults.
pub(crate) fn prepare(root: &Path) -> Result<Result<(SiteConfig, BuildOptions), Diagnostics>> {
    let configuration = match Configuration::read(root) {
        Ok(configuration) => configuration,
        Err(ConfigurationError::Content(faults)) => return Ok(Err(faults)),
        Err(error) => return Err(error.into()),
    };
    let mut options = BuildOptions::new(root, today());
    options.output = config::public(root)?;
    options.data = configuration.template_data(root)?;
    options.page_sources = configuration.registry(root)?.page_sources();
    Ok(Ok((configuration.site, options)))
}

/// The day in Greenwich.
pub(crate) fn today() -> jiff::civil::Date {
    jiff::Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date()
}

/// Prints faults for people or programs.
pub(crate) fn refused(faults: &Diagnostics, json: bool) -> ExitCode {
    if json {
        println!("{}", json!({ "faults": faults }));
    } else {
        eprint!("{faults}");
        eprintln!("{} fault(s)", faults.len());
    }
    ExitCode::FAILURE
}

fn tell(report: &BuildReport) {
    eprint!("{}", report.warnings);
    let unchanged = if report.unchanged { ", unchanged" } else { "" };
    println!("{} pages, {} files{unchanged} in {:.0?}", report.pages, report.files, report.elapsed);
}
