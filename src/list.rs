//! `aops list`: the documents of the site, as an editor asks for them.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use aops_generator::Listed;
use clap::Args;

use crate::build::{prepare, refused};

/// Arguments of `aops list`; several together mean any of them.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Drafts
    #[arg(long)]
    drafts: bool,

    /// Those whose day has not come, or that have a last day
    #[arg(long)]
    scheduled: bool,

    /// Those without a counterpart in the other language
    #[arg(long)]
    untranslated: bool,

    /// The oldest first, by the day of their last change; at most so many
    #[arg(long, value_name = "COUNT", num_args = 0..=1, default_missing_value = "20")]
    oldest: Option<usize>,
}

/// Lists documents.
///
/// # Errors
/// `site.toml` cannot be read.
pub(crate) fn run(root: &Path, json: bool, args: &ListArgs) -> Result<ExitCode> {
    let (config, options) = match prepare(root)? {
        Ok(prepared) => prepared,
        Err(faults) => return Ok(refused(&faults, json)),
    };
    let mut listed = match aops_generator::list(&config, &options) {
        Ok(listed) => listed,
        Err(faults) => return Ok(refused(&faults, json)),
    };
    if args.drafts || args.scheduled || args.untranslated {
        listed.retain(|one| {
            (args.drafts && one.draft)
                || (args.scheduled && (one.publish_at.is_some() || one.expires_at.is_some()))
                || (args.untranslated && !one.translated)
        });
    }
    if let Some(count) = args.oldest {
        listed.retain(|one| one.date.is_some() || one.updated.is_some());
        listed.sort_by_key(|one| one.updated.or(one.date));
        listed.truncate(count);
    }
    if json {
        println!("{}", serde_json::to_string(&listed)?);
        return Ok(ExitCode::SUCCESS);
    }
    for one in &listed {
        println!("{:<12}{:<18}{}  {}", day(one), marks(one), one.file, one.title);
    }
    println!("{} document(s)", listed.len());
    Ok(ExitCode::SUCCESS)
}

fn day(one: &Listed) -> String {
    one.updated.or(one.date).map_or_else(|| "-".to_owned(), |day| day.to_string())
}

fn marks(one: &Listed) -> String {
    let mut marks = Vec::new();
    if one.draft {
        marks.push("draft".to_owned());
    }
    if let Some(day) = one.publish_at {
        marks.push(format!("from {day}"));
    }
    if let Some(day) = one.expires_at {
        marks.push(format!("until {day}"));
    }
    if marks.is_empty() { "published".to_owned() } else { marks.join(", ") }
}
