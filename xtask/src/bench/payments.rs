//! Webhooks of the payment processor: signed, over TLS, answered once they are on the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::gateway::Gateway;

const SECRET: &str = "whsec_measured";
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(10);
/// Deliveries under way at once.
const AT_ONCE: usize = 64;

/// Prints the figures.
///
/// # Errors
/// When the gateway does not start, or refuses an event.
pub(super) fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    println!(
        "\n| webhooks durably recorded, {AT_ONCE} at once | events/s | p50 | p99 |\n| --- | --- | --- | --- |"
    );
    runtime.block_on(async {
        // Nothing listens there: what is asked is the record, and nobody's payments are fetched for it.
        let environment = [
            ("STRIPE_SECRET_KEY", "sk_test_measured"),
            ("STRIPE_WEBHOOK_SECRET", SECRET),
            ("STRIPE_API_BASE", "http://127.0.0.1:9"),
        ];
        let gateway = Arc::new(Gateway::start_with("release", &environment).await?);
        let next = Arc::new(AtomicU64::new(0));
        for round in 1..=ROUNDS {
            let began = Instant::now();
            let senders = (0..AT_ONCE).map(|_| {
                let (gateway, next) = (Arc::clone(&gateway), Arc::clone(&next));
                tokio::spawn(async move { send(&gateway, &next, began).await })
            });
            let mut took = Vec::new();
            for sender in senders.collect::<Vec<_>>() {
                took.extend(sender.await??);
            }
            took.sort();
            let rate = took.len() as f64 / began.elapsed().as_secs_f64();
            let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize];
            println!("| round {round} | {rate:.0} | {:.1?} | {:.1?} |", at(0.5), at(0.99));
        }
        Ok(())
    })
}

/// Events one after another until the round is over; how long each took.
async fn send(gateway: &Gateway, next: &AtomicU64, began: Instant) -> Result<Vec<Duration>> {
    let client = gateway.client()?;
    let url = gateway.url("/webhooks/stripe");
    let mut took = Vec::new();
    while began.elapsed() < ROUND {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
        let body = format!(
            r#"{{"id":"evt_{number}","object":"event","type":"invoice.paid","created":{now},"data":{{"object":{{"id":"in_{number}","object":"invoice","customer":"cus_{number}"}}}}}}"#
        );
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes())?;
        mac.update(format!("{now}.{body}").as_bytes());
        let code: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let sent = Instant::now();
        let post = client.post(&url).header("stripe-signature", format!("t={now},v1={code}")).body(body);
        let answer = post.send().await?;
        took.push(sent.elapsed());
        ensure!(answer.status() == 200, "an event was refused with {}", answer.status());
    }
    Ok(took)
}
