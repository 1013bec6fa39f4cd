//! `aops calc`: one calculation offline, from files to a file.

mod input;

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use aops_engine::{Fault, Faults, MODULES, Watch, calculate, calculate_lines};
use aops_report::{Told, Words, digest, printed, tables, with_working, xlsx};
use clap::Args;
use clap::builder::PossibleValuesParser;
use jiff::Timestamp;
use serde_json::{Value, json};

use self::input::{Input, Place};

/// Exit code of wrong usage, as clap's own.
const USAGE: u8 = 2;

/// Arguments of `aops calc`.
#[derive(Debug, Args)]
pub(crate) struct CalcArgs {
    /// What to compute
    #[arg(value_parser = PossibleValuesParser::new(MODULES))]
    module: String,

    /// The request in JSON; or in CSV, the heads (rente), the employees (ifc, medailles) or the triangle (provisionnement)
    #[arg(long, value_name = "FILE")]
    input: PathBuf,

    /// What of the request the input does not say, in JSON
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,

    /// Where the results go: .json, .xlsx or .pdf
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

/// The form of the results, by the ending of their file.
#[derive(Clone, Copy)]
enum Form {
    Json,
    Xlsx,
    Pdf,
}

/// Reads, computes, writes; faults are told all at once, in French, with their place in the file.
///
/// # Errors
/// What is no fault of the request: a file that cannot be read or written.
pub(crate) fn run(json: bool, args: &CalcArgs) -> Result<ExitCode> {
    let form = match args.output.extension().and_then(OsStr::to_str) {
        Some("json") => Form::Json,
        Some("xlsx") => Form::Xlsx,
        Some("pdf") => Form::Pdf,
        _ => {
            eprintln!("error: {}: the output must end in .json, .xlsx or .pdf", args.output.display());
            return Ok(ExitCode::from(USAGE));
        }
    };
    let mut input = Input::read(&args.module, &args.input, args.params.as_deref())?;
    let asked = digest(&input.request, input.text.as_deref());
    if matches!(form, Form::Pdf) && input.text.is_none() {
        input.request = with_working(&input.request);
    }
    let answer = match input.text.take() {
        Some(lines) => calculate_lines(&args.module, &input.request, lines, &Watch::default()),
        None => calculate(&args.module, &input.request),
    };
    let outcome = match answer {
        Ok(outcome) => outcome,
        Err(faults) => {
            tell(json, &args.input, &input, &faults)?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let bytes = match form {
        Form::Json => (serde_json::to_string_pretty(&outcome)? + "\n").into_bytes(),
        Form::Xlsx => xlsx(&tables(&args.module, &input.request, &outcome, &Words::french()?), None)?,
        Form::Pdf => {
            let told = Told {
                module: &args.module,
                request: &input.request,
                outcome: &outcome,
                apart: None,
                made: Timestamp::now(),
                digest: &asked,
                owner: None,
                data: args.input.file_name().and_then(OsStr::to_str),
            };
            printed(&told, &Words::french()?)?
        }
    };
    write_whole(&args.output, &bytes)?;
    Ok(ExitCode::SUCCESS)
}

/// What is wrong with a request, by code.
const FAULTS: &str = include_str!("../themes/aops/i18n/faults.fr.toml");

/// Every fault, with its place in the file that was given.
fn tell(json: bool, file: &Path, input: &Input, faults: &Faults) -> Result<()> {
    let sentences: toml::Table = toml::from_str(FAULTS)?;
    if json {
        let told = |fault: &Fault| {
            let place = input.place(&fault.pointer);
            json!({
                "pointer": fault.pointer, "code": fault.code, "message": sentence(&sentences, fault),
                "row": place.row, "column": place.column,
            })
        };
        println!("{}", json!({ "faults": faults.iter().map(told).collect::<Value>() }));
        return Ok(());
    }
    for fault in faults.iter() {
        let Place { row, column, .. } = input.place(&fault.pointer);
        let place = match (row, column) {
            (Some(row), Some(column)) => format!("{row}:{column}"),
            (Some(row), None) => row.to_string(),
            _ => fault.pointer.clone(),
        };
        eprintln!("{}:{place}: {}", file.display(), sentence(&sentences, fault));
    }
    Ok(())
}

fn sentence(sentences: &toml::Table, fault: &Fault) -> String {
    let Some(sentence) = sentences.get(fault.code).and_then(toml::Value::as_str) else {
        return fault.to_string();
    };
    fault
        .parameters
        .iter()
        .fold(sentence.to_owned(), |sentence, (name, value)| sentence.replace(&format!("{{{name}}}"), value))
}

/// Writes a file whole, or leaves what was there.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let written = fs::File::create(&beside)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    if let Err(error) = written {
        // The first error is the one to tell.
        let _ = fs::remove_file(&beside);
        return Err(error).with_context(|| format!("{} cannot be written", path.display()));
    }
    Ok(())
}
