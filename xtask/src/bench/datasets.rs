//! Data sets: a payroll of 100,000 people sent over TLS, as CSV and as a workbook, until the answer says that it is
//! recorded; and what the gateway holds in memory meanwhile.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rust_xlsxwriter::{Format, Workbook};
use serde_json::Value;

use crate::gateway::Gateway;

const PEOPLE: u32 = 100_000;
const ROUNDS: usize = 3;
pub(super) const EMAIL: &str = "a@example.org";
pub(super) const PASSWORD: &str = "Cheval-correct-agrafe-9";
const HEAD: [&str; 6] =
    ["Matricule", "Sexe", "Date de naissance", "Date d'entrée", "Salaire annuel brut", "Catégorie"];
const WORKBOOK: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// Prints the figures.
///
/// # Errors
/// When the gateway does not start, or refuses a file.
pub(super) fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    println!(
        "\n| {PEOPLE} employees over TLS | size | sent to recorded | memory before | at most |\n| --- | --- | --- | --- | --- |"
    );
    runtime.block_on(async {
        for (name, kind, file) in [("CSV", "text/csv", csv()), ("XLSX", WORKBOOK, workbook()?)] {
            // A gateway of its own, so that its memory tells of this form alone.
            let gateway = Gateway::start("release").await?;
            let key = key(&gateway, &[])?;
            let before = gateway.resident()?;
            let mut best = Duration::MAX;
            let mut most = before;
            for round in 0..ROUNDS {
                // Other data each time: the same are told as such.
                let mut file = file.clone();
                if name == "CSV" {
                    file.extend_from_slice(format!("x{round};M;1970-01-01;2000-01-01;30000;A\n").as_bytes());
                }
                let began = Instant::now();
                let sent = send(&gateway, &key, kind, file);
                tokio::pin!(sent);
                let took = loop {
                    tokio::select! {
                        answer = &mut sent => { answer?; break began.elapsed(); }
                        () = tokio::time::sleep(Duration::from_millis(5)) => most = most.max(gateway.resident()?),
                    }
                };
                best = best.min(took);
            }
            let size = file.len() as f64 / 1e6;
            println!("| {name} | {size:.1} MB | {best:.0?} | {before} MB | {most} MB |");
        }
        Ok(())
    })
}

/// The key of a new account, made with these options as well.
pub(super) fn key(gateway: &Gateway, options: &[&str]) -> Result<String> {
    key_of(gateway, EMAIL, options)
}

/// As [`key`], for the client of an address.
pub(super) fn key_of(gateway: &Gateway, email: &str, options: &[&str]) -> Result<String> {
    let create = ["admin", "account", "create", "--email", email, "--password-stdin", "--verified"];
    let mut child = gateway
        .command(&[&create, options].concat())?
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()?;
    std::io::Write::write_all(child.stdin.as_mut().context("no input")?, format!("{PASSWORD}\n").as_bytes())?;
    ensure!(child.wait()?.success(), "no account could be made");
    let made = gateway.command(&["admin", "apikey", "create", "--account", email, "--json"])?.output()?;
    let told: Value = serde_json::from_slice(&made.stdout)?;
    Ok(told["key"].as_str().context("no key was made")?.to_owned())
}

/// Sends a file; answers the id of the data set.
pub(super) async fn send(gateway: &Gateway, key: &str, kind: &str, file: Vec<u8>) -> Result<String> {
    let url = gateway.url("/api/v1/datasets?module=ifc&warranty=accepted&name=paie");
    let answer =
        gateway.client()?.post(url).bearer_auth(key).header("content-type", kind).body(file).send().await?;
    ensure!(
        answer.status() == 201,
        "the file was refused with {}: {}",
        answer.status(),
        answer.text().await?
    );
    let told: Value = serde_json::from_slice(&answer.bytes().await?)?;
    Ok(told["id"].as_str().context("no id was told")?.to_owned())
}

/// A payroll as French software exports it.
pub(super) fn csv() -> Vec<u8> {
    let mut text = HEAD.join(";") + "\n";
    for index in 0..PEOPLE {
        let sex = if index % 2 == 0 { "H" } else { "F" };
        text += &format!(
            "{index:08};{sex};{:02}/{:02}/{};{:02}/09/{};{},50;Catégorie {}\n",
            index % 28 + 1,
            index % 12 + 1,
            1962 + index % 38,
            index % 30 + 1,
            1986 + index % 38,
            21_000 + index % 60_000,
            index % 7,
        );
    }
    text.into_bytes()
}

fn workbook() -> Result<Vec<u8>> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let day = Format::new().set_num_format("dd/mm/yyyy");
    for (at, name) in HEAD.iter().enumerate() {
        sheet.write_string(0, at as u16, *name)?;
    }
    for index in 0..PEOPLE {
        let row = index + 1;
        sheet.write_string(row, 0, format!("{index:08}"))?;
        sheet.write_string(row, 1, if index % 2 == 0 { "H" } else { "F" })?;
        sheet.write_number_with_format(row, 2, 22_700 + index % 13_000, &day)?;
        sheet.write_number_with_format(row, 3, 36_600 + index % 8_000, &day)?;
        sheet.write_number(row, 4, f64::from(21_000 + index % 60_000) + 0.5)?;
        sheet.write_string(row, 5, format!("Catégorie {}", index % 7))?;
    }
    Ok(book.save_to_buffer()?)
}
