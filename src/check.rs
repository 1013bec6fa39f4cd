//! `aops check`: everything that may be wrong with the site, without writing it.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use aops_generator::{Diagnostic, Diagnostics, ExternalFault, ExternalLink, Severity};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde_json::json;

use crate::build::{prepare, refused};
use crate::external::{self, Answer, Verdict};

/// Where answers of other sites are kept, in the root folder.
const EXTERNAL_CACHE: &str = ".cache/external.json";

/// Arguments of `aops check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Ask other sites too whether links to them are good
    #[arg(long)]
    external: bool,

    /// Look at drafts too
    #[arg(long)]
    drafts: bool,

    /// How faults are told [default: human, or json with --json]
    #[arg(long, value_enum)]
    format: Option<Format>,
}

/// How faults are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// With the line at fault and a caret
    Human,
    /// One object, places as lines, columns and lengths
    Json,
    /// Annotations that GitHub sets beside the lines of a change
    Github,
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
    let report = aops_generator::check(&config, &options);
    let external = if args.external {
        let links = aops_generator::external_links(root);
        let asking =
            external::Options { base_url: config.base_url, now: Timestamp::now(), allow_private: false };
        ask(root, links, &asking)
    } else {
        Diagnostics::default()
    };
    let faults: Vec<&Diagnostic> = report.faults.iter().chain(&external).collect();
    match args.format.unwrap_or(if json { Format::Json } else { Format::Human }) {
        Format::Json => println!(
            "{}",
            json!({ "pages": report.pages, "seconds": report.elapsed.as_secs_f64(), "faults": faults })
        ),
        Format::Github => faults.iter().for_each(|fault| println!("{}", annotation(fault))),
        Format::Human => {
            faults.iter().for_each(|fault| eprint!("{fault}"));
            let notes = faults.iter().filter(|fault| fault.severity == Severity::Note).count();
            let told = faults.len() - notes;
            println!(
                "{} pages, {told} fault(s) or warning(s), {notes} note(s) in {:.0?}",
                report.pages, report.elapsed
            );
        }
    }
    let fails = faults.iter().any(|fault| fault.severity == Severity::Error);
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A workflow command of GitHub Actions (docs.github.com, “Workflow commands”); `%`, ends of lines, and in
/// properties `:` and `,` are escaped.
fn annotation(fault: &Diagnostic) -> String {
    let level = match fault.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let mut properties = format!("file={}", property(&fault.file));
    if fault.line > 0 {
        let end = fault.column + fault.length;
        properties.push_str(&format!(",line={},col={},endColumn={end}", fault.line, fault.column));
    }
    let hint = fault.hint.as_deref().map_or(String::new(), |hint| format!("\n{hint}"));
    format!(
        "::{level} {properties},title={}::{}",
        property(fault.code),
        data(&format!("{}{hint}", fault.message))
    )
}

/// Asks other sites about links, and tells those that are not good.
fn ask(root: &Path, links: Vec<ExternalLink>, options: &external::Options) -> Diagnostics {
    let urls: Vec<String> = links.iter().map(|link| link.url.clone()).collect();
    let answers = external::ask(&urls, &root.join(EXTERNAL_CACHE), options);
    let found: Vec<_> =
        links.into_iter().zip(answers).filter_map(|(link, answer)| Some((link, fault(answer)?))).collect();
    aops_generator::external_faults(root, &found)
}

fn fault(answer: Answer) -> Option<ExternalFault> {
    Some(match answer.verdict {
        Verdict::Good => return None,
        Verdict::Moved { to } => ExternalFault::Moved { to },
        Verdict::Gone { status } => ExternalFault::Gone { status },
        Verdict::Unreachable { reason } => ExternalFault::Unreachable { reason },
        Verdict::Refused => ExternalFault::Refused,
    })
}
