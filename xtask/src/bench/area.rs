//! The client area's pages, as a client with a full history reads them.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use reqwest::Client;
use serde_json::{Value, json};

use super::datasets;
use super::turns::{self, LISTED};
use crate::gateway::Gateway;

/// Calculations that the client has asked for before.
const RECORDS: usize = 10_000;
/// Asked for at once while they are filled in.
const AT_ONCE: usize = 8;
const READINGS: usize = 500;
const ANNUITY: &str = include_str!("../../../engine/data/examples/rente.json");
const PAGES: [&str; 6] = [
    "/espace-client/",
    "/espace-client/calculs",
    "/espace-client/donnees",
    "/espace-client/cles",
    "/espace-client/personnes",
    "/espace-client/journal",
];

/// Prints the time of each page over a connection that is kept.
///
/// # Errors
/// When the gateway refuses what is asked.
pub(super) async fn run(gateway: &Gateway, key: &str) -> Result<()> {
    let client = gateway.client()?;
    let mut filling = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (client, url) = (client.clone(), gateway.url("/api/v1/calculations"));
        filling.spawn(fill(client, url, key.to_owned(), RECORDS / AT_ONCE));
    }
    while let Some(filled) = filling.join_next().await {
        filled??;
    }
    // Pages are read once the machine has nothing else to do.
    while turns::ended(&client, gateway, key).await? < LISTED {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let form = format!("email={}&mot_de_passe={}", datasets::EMAIL.replace('@', "%40"), datasets::PASSWORD);
    let answer = client
        .post(gateway.url("/compte/connexion"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json")
        .body(form)
        .send()
        .await?;
    let cookies = answer.headers().get_all("set-cookie").iter();
    let cookies: Vec<_> =
        cookies.filter_map(|set| set.to_str().ok()?.split(';').next().map(str::to_owned)).collect();
    ensure!(!cookies.is_empty(), "signing in was answered {}", answer.status());
    println!(
        "\n| pages of the client area with {RECORDS} calculations, with the transport | p50 | p99 |\n| --- | --- | --- |"
    );
    for page in PAGES {
        let mut took = Vec::new();
        for _ in 0..READINGS {
            let began = Instant::now();
            let answer = client.get(gateway.url(page)).header("cookie", cookies.join("; ")).send().await?;
            ensure!(answer.status() == 200, "{page} was answered {}", answer.status());
            answer.bytes().await?;
            took.push(began.elapsed());
        }
        took.sort_unstable();
        println!("| {page} | {:.1?} | {:.1?} |", took[READINGS / 2], took[READINGS * 99 / 100]);
    }
    Ok(())
}

/// Asks for so many calculations, as the queue takes them.
async fn fill(client: Client, url: String, key: String, count: usize) -> Result<()> {
    let parameters: Value = serde_json::from_str(ANNUITY)?;
    let body = json!({ "module": "rente", "parameters": parameters }).to_string();
    for _ in 0..count {
        loop {
            let asked = client.post(&url).bearer_auth(&key).header("content-type", "application/json");
            match asked.body(body.clone()).send().await?.status().as_u16() {
                200..300 => break,
                429 => tokio::time::sleep(Duration::from_millis(50)).await,
                other => bail!("a calculation was answered {other}"),
            }
        }
    }
    Ok(())
}
