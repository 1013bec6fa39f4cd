//! Spans told to a collector by OTLP over HTTP, beside the requests: a queue of fixed size and a task that empties it.
//! A collector that is away, slow or wrong costs spans, which are counted, and nothing else.

mod collector;
mod message;
mod told;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use metrics::counter;
use tokio::sync::watch;

use self::collector::Fault;
pub use self::collector::{Collector, CollectorError};
use self::told::{QUEUE, Told, What};
use super::Trace;
use crate::edge::accept::told_to_stop;
use crate::edge::access_log::Line;

/// How long spans may wait for others.
const GATHERING: Duration = Duration::from_secs(2);
/// Spans of one message.
const MESSAGE: usize = 512;
/// Between two tries, at first and at most, where the collector says nothing of it.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);
/// How long the last spans may take to leave when we stop.
const FAREWELL: Duration = Duration::from_secs(2);

/// Traces are told whose number is below this; none until a collector is followed.
static BELOW: AtomicU64 = AtomicU64::new(0);
/// The numbers of traces: the rightmost seven bytes, which are random (W3C Trace Context, level 2, § 3.2.2.5).
const NUMBERS: u64 = 1 << 56;

/// Whether a trace of this id, which begins here, is told: the same wherever it is asked.
pub(super) fn chosen(id: &str) -> bool {
    match BELOW.load(Ordering::Relaxed) {
        0 => false,
        below => is_below(id, below),
    }
}

fn is_below(id: &str, below: u64) -> bool {
    id.get(18..).and_then(|id| u64::from_str_radix(id, 16).ok()).is_some_and(|id| id < below)
}

/// A request was answered.
pub fn answered(line: &Line<'_>) {
    if line.trace.is_told() {
        QUEUE.push(Told::new(*line.trace, line.elapsed, What::answered(line)));
    }
}

/// A call to another service has ended.
pub(super) fn called(service: &'static str, trace: Trace, began: Instant, status: Option<u16>) {
    if trace.is_told() {
        QUEUE.push(Told::new(trace, began.elapsed(), What::Called { service, status }));
    }
}

/// Tells a collector until told to stop, then what is left as far as it is taken at once.
pub async fn follow(collector: Collector, mut stop: watch::Receiver<bool>) {
    BELOW.store((collector.ratio() * NUMBERS as f64) as u64, Ordering::Relaxed);
    QUEUE.open();
    let mut leaving = Leaving { collector, spans: Vec::new(), failures: 0 };
    tokio::select! {
        () = leaving.go_on() => {}
        () = told_to_stop(&mut stop) => {}
    }
    BELOW.store(0, Ordering::Relaxed);
    QUEUE.close();
    let _ = tokio::time::timeout(FAREWELL, leaving.rest()).await;
    lost("stopped", leaving.spans.len() + QUEUE.take(usize::MAX).len());
}

/// What is on its way.
struct Leaving {
    collector: Collector,
    spans: Vec<Told>,
    failures: u32,
}

impl Leaving {
    async fn go_on(&mut self) {
        let mut wait = GATHERING;
        loop {
            tokio::time::sleep(wait).await;
            wait = match self.round().await {
                Some(wait) => wait,
                None if QUEUE.len() >= MESSAGE => Duration::ZERO,
                None => GATHERING,
            };
        }
    }

    async fn rest(&mut self) {
        while !self.spans.is_empty() || QUEUE.len() > 0 {
            if self.round().await.is_some() {
                return;
            }
        }
    }

    /// Sends a message, if there is anything to tell; how long to wait where it was not taken. What may be taken later
    /// stays.
    async fn round(&mut self) -> Option<Duration> {
        if self.spans.is_empty() {
            self.spans = QUEUE.take(MESSAGE);
        }
        if self.spans.is_empty() {
            return None;
        }
        match self.collector.send(&self.spans).await {
            Ok(rejected) => {
                let taken = self.spans.len().saturating_sub(rejected);
                lost("rejected", self.spans.len() - taken);
                counter!("traces_spans_total").increment(taken as u64);
                self.spans.clear();
                if std::mem::take(&mut self.failures) > 0 {
                    tracing::info!("the collector of traces takes spans again");
                }
                None
            }
            Err(fault) => {
                if self.failures == 0 {
                    tracing::warn!(%fault, "the collector of traces takes no spans");
                }
                let patience = FIRST_RETRY.saturating_mul(1 << self.failures.min(6)).min(LAST_RETRY);
                self.failures = self.failures.saturating_add(1);
                match fault {
                    Fault::Later { after, .. } => Some(after.unwrap_or(patience)),
                    Fault::Never(_) => {
                        lost("refused", std::mem::take(&mut self.spans).len());
                        Some(patience)
                    }
                }
            }
        }
    }
}

fn lost(why: &'static str, spans: usize) {
    if spans > 0 {
        counter!("traces_spans_lost_total", "why" => why).increment(spans as u64);
    }
}

#[cfg(test)]
mod tests;
