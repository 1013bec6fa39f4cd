//! `aops admin`: what staff type, asked of the running gateway or done on the store when none runs.

mod arguments;
mod backup;
mod breach;
mod people;
mod policy;
mod rights;
mod shown;
mod written;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use aops_gateway::Settings;
use aops_gateway::app::StartError;
use aops_gateway::audit::{self, Actor};
use aops_gateway::server;
use aops_gateway::staff::{self, CallError, Command};
use serde_json::Value;

use self::arguments::{Subject, command};
use self::shown::{print, print_text};
use crate::config::Configuration;

pub(crate) use self::arguments::AdminArgs;

/// How often a gateway that holds the store but does not hear yet is asked again, and after how long.
const TRIES: usize = 25;
const REST: Duration = Duration::from_millis(200);
/// How long a certificate's order is waited for; it goes on meanwhile and after.
const LONGEST_ORDER: Duration = Duration::from_secs(420);

/// Carries out one command and prints its answer: JSON when asked for, else aligned columns.
pub(crate) fn run(root: &Path, json: bool, args: AdminArgs) -> Result<ExitCode> {
    let settings = Configuration::read(root)?.settings(root)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let of_files = async {
        match backup::run(&settings, &args.subject).await? {
            Some(told) => Ok(Some(told)),
            None => written::run(&settings, &args.subject).await,
        }
    };
    if let Some(told) = runtime.block_on(of_files)? {
        print(&told, json)?;
        return Ok(judged(&told));
    }
    let command = command(args.subject, &settings).context("standard input")?;
    let answer = runtime.block_on(async {
        let first = answer(settings.clone(), command).await?;
        ordered(settings, first).await
    })?;
    match answer["document"].as_str().filter(|_| !json) {
        Some(text) => print_text(text)?,
        None => print(answer.get("differences").unwrap_or(&answer), json)?,
    }
    Ok(judged(&answer))
}

/// Whether something was found that is not as it should be.
fn judged(answer: &Value) -> ExitCode {
    let some = |what: &str| answer[what].as_array().is_some_and(|found| !found.is_empty());
    let differs =
        answer["differences"].as_array().is_some_and(|found| found.iter().any(|one| one["mended"] != true));
    if some("damaged") || some("newer") || differs { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Asks the running gateway, or does it on the store. Whoever holds the store without hearing is a gateway
/// that starts or stops: a moment later one of the two ways is open.
pub(crate) async fn answer(settings: Settings, command: Command) -> Result<Value> {
    let socket = settings.data.join("admin.sock");
    let mut tries = 0;
    loop {
        match staff::call(&socket, &command).await {
            Err(CallError::NotRunning) => {}
            other => return Ok(other?),
        }
        match server::offline(settings.clone()).await {
            Ok(app) => {
                let answer = staff::perform(&app, Actor::here(), command).await?;
                // No gateway is there to enter what was noted.
                audit::settle(&app).await?;
                return Ok(answer);
            }
            Err(StartError::Store(_)) if tries < TRIES => tries += 1,
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(REST).await;
    }
}

/// Waits for the end of a certificate's order, if one was begun: it takes as long as the authority looks.
async fn ordered(settings: Settings, first: Value) -> Result<Value> {
    let begun = Instant::now();
    let mut told = first;
    while let (Some(order), true) = (told["order"].as_u64(), begun.elapsed() < LONGEST_ORDER) {
        tokio::time::sleep(REST).await;
        told = answer(settings.clone(), Command::CertificateOrdered { order }).await?;
    }
    Ok(told)
}
