//! `aops new`: the beginning of a new piece of content; what is not said is asked for at a terminal.

use std::io::{IsTerminal, Write, stdin, stdout};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use aops_generator::{Language, NewContent, NewKind};
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::build::{refused, today};

/// Arguments of `aops new`.
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// What to begin
    #[arg(value_enum)]
    kind: Kind,

    /// Its title, from which the file is named
    title: Option<String>,

    /// What it says, in a sentence
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// The folder to put it into, below that of the language
    #[arg(long = "in", value_name = "FOLDER")]
    folder: Option<String>,

    /// The language it is written in
    #[arg(long, value_enum, default_value = "fr")]
    lang: Lang,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// A dated draft under articles/
    Article,
    /// A dated draft with a folder of its own, for pictures and data
    Bundle,
    /// A page at the top
    Page,
    /// A folder with its list of pages
    Section,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Lang {
    Fr,
    En,
}

/// Makes the file and tells its path.
///
/// # Errors
/// No title is given and nobody can be asked.
pub(crate) fn run(root: &Path, json: bool, args: &NewArgs) -> Result<ExitCode> {
    let asked = args.title.is_none();
    let title = match &args.title {
        Some(title) => title.clone(),
        None if stdin().is_terminal() => ask("Titre")?,
        None => bail!("no title: aops new KIND \"Titre\""),
    };
    let description = match &args.description {
        Some(description) => description.clone(),
        None if asked => ask("Description (une phrase, facultative)")?,
        None => String::new(),
    };
    let content = NewContent {
        kind: match args.kind {
            Kind::Article => NewKind::Article,
            Kind::Bundle => NewKind::Bundle,
            Kind::Page => NewKind::Page,
            Kind::Section => NewKind::Section,
        },
        title: &title,
        description: &description,
        folder: args.folder.as_deref(),
        language: match args.lang {
            Lang::Fr => Language::Fr,
            Lang::En => Language::En,
        },
        date: today(),
    };
    match aops_generator::new_content(root, &content) {
        Ok(path) if json => println!("{}", json!({ "path": path })),
        Ok(path) => println!("{}", path.display()),
        Err(faults) => return Ok(refused(&faults, json)),
    }
    Ok(ExitCode::SUCCESS)
}

fn ask(question: &str) -> Result<String> {
    print!("{question}\u{a0}: ");
    stdout().flush()?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}
