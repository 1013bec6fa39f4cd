//! Asks other sites whether links to them are good, politely and once. It finds no link and words no fault.

mod addresses;
mod cache;
mod host;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use reqwest::header::{LOCATION, RETRY_AFTER};
use reqwest::{Client, Method, Response, StatusCode, Url, redirect};
use serde::{Deserialize, Serialize};

use addresses::PublicResolver;
use cache::Cache;
use host::Hosts;

/// What is known of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// As it was given, with its fragment.
    pub(crate) url: String,
    pub(crate) verdict: Verdict,
}

/// What the other site says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It answers.
    Good,
    /// It answers, and asks to be linked to by another address from now on.
    Moved { to: String },
    /// It answers that there is no such page.
    Gone { status: u16 },
    /// Nothing that could be understood came back.
    Unreachable { reason: String },
    /// It does not answer programs: whether the link is good cannot be told.
    Refused,
}

/// How to ask.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The address of the site that asks, named to those asked.
    pub(crate) base_url: String,
    /// The time at which answers are given, and against which kept ones are held.
    pub(crate) now: Timestamp,
    /// Loopback and private addresses are asked too.
    pub(crate) allow_private: bool,
}

const REDIRECTS: usize = 5;
const RETRIES: u32 = 2;
const TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(10);
/// What LinkedIn says to programs.
const REQUEST_DENIED: u16 = 999;

/// Asks each address once, but those that `cache` (a JSON file) knows; one answer for each of `urls`, in order.
///
/// It blocks until all have answered; it is not for asynchronous callers. A cache that cannot be read is begun
/// anew, and one that cannot be written costs time alone.
pub(crate) fn ask(urls: &[String], cache: &Path, options: &Options) -> Vec<Answer> {
    let mut known = Cache::read(cache, options.now);
    let asked: BTreeSet<&str> =
        urls.iter().map(|url| without_fragment(url)).filter(|url| known.verdict(url).is_none()).collect();
    let mut failed = None;
    if !asked.is_empty() {
        match ask_all(&asked, options) {
            Ok(verdicts) => known.keep(verdicts, options.now),
            Err(reason) => failed = Some(reason),
        }
        if let Err(error) = known.write(cache) {
            tracing::warn!(path = %cache.display(), %error, "answers of other sites cannot be kept");
        }
    }
    let verdict = |url: &str| {
        let address = without_fragment(url);
        match known.verdict(address) {
            Some(Verdict::Moved { to }) if !to.contains('#') => {
                Verdict::Moved { to: format!("{to}{}", &url[address.len()..]) }
            }
            Some(verdict) => verdict.clone(),
            None => Verdict::Unreachable { reason: failed.clone().unwrap_or_default() },
        }
    };
    urls.iter().map(|url| Answer { url: url.clone(), verdict: verdict(url) }).collect()
}

fn ask_all(urls: &BTreeSet<&str>, options: &Options) -> Result<BTreeMap<String, Verdict>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let mut client = Client::builder()
        .user_agent(format!("aops-check (+{})", options.base_url))
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        // Behind a proxy, the address that is asked could not be seen.
        .no_proxy();
    if !options.allow_private {
        client = client.dns_resolver(Arc::new(PublicResolver));
    }
    let client = client.build().map_err(|error| deepest(&error))?;
    let hosts = Hosts::default();
    let verdicts = runtime.block_on(join_all(urls.iter().map(async |url| {
        let verdict = follow(&client, &hosts, url, options).await;
        ((*url).to_owned(), verdict)
    })));
    Ok(verdicts.into_iter().collect())
}

/// Asks an address and those it sends to.
async fn follow(client: &Client, hosts: &Hosts, url: &str, options: &Options) -> Verdict {
    let mut at = match Url::parse(url) {
        Ok(url) => url,
        Err(error) => return Verdict::Unreachable { reason: error.to_string() },
    };
    // Where permanent redirects lead, until a temporary one.
    let mut moved = None;
    let mut all_permanent = true;
    for hop in 0..=REDIRECTS {
        // What an editor wrote out may be on this machine; nobody else may send us there.
        let written_here = hop == 0 && addresses::is_loopback(&at);
        if let Err(reason) = askable(&at, options).or_else(|why| if written_here { Ok(()) } else { Err(why) })
        {
            return Verdict::Unreachable { reason };
        }
        let response = match retried(client, hosts, &at).await {
            Ok(response) => response,
            Err(reason) => return Verdict::Unreachable { reason },
        };
        let status = response.status();
        let target = match response.headers().get(LOCATION) {
            Some(location) if status.is_redirection() => {
                match location.to_str().ok().and_then(|location| at.join(location).ok()) {
                    Some(target) => target,
                    None => return Verdict::Unreachable { reason: "a redirect to no address".to_owned() },
                }
            }
            _ => return judged(status, moved),
        };
        all_permanent &= matches!(status, StatusCode::MOVED_PERMANENTLY | StatusCode::PERMANENT_REDIRECT);
        if all_permanent {
            moved = Some(target.to_string());
        }
        at = target;
    }
    Verdict::Unreachable { reason: format!("more than {REDIRECTS} redirects") }
}

fn askable(url: &Url, options: &Options) -> Result<(), String> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{} is neither http nor https", url.scheme()));
    }
    // The resolver sees names alone: an address written out never reaches it.
    if !options.allow_private && (addresses::is_written_private(url) || addresses::is_loopback(url)) {
        return Err(addresses::PRIVATE.to_owned());
    }
    Ok(())
}

fn judged(status: StatusCode, moved: Option<String>) -> Verdict {
    match (status.as_u16(), moved) {
        (401 | 403 | 429 | REQUEST_DENIED, _) => Verdict::Refused,
        (400..=499, _) => Verdict::Gone { status: status.as_u16() },
        (200..=399, Some(to)) => Verdict::Moved { to },
        (200..=399, None) => Verdict::Good,
        (other, _) => Verdict::Unreachable { reason: format!("HTTP {other}") },
    }
}

/// One address, asked again when it is slow, busy or broken; `HEAD`, then `GET` where that is not answered well.
async fn retried(client: &Client, hosts: &Hosts, url: &Url) -> Result<Response, String> {
    let mut method = Method::HEAD;
    let mut retry = 0;
    loop {
        let turn = hosts.turn(url).await?;
        let answer = client.request(method.clone(), url.clone()).send().await;
        let wait = match &answer {
            Ok(response) if method == Method::HEAD && head_may_lie(response.status()) => {
                method = Method::GET;
                continue;
            }
            Ok(response) if response.status() == StatusCode::TOO_MANY_REQUESTS => {
                retry_after(response).unwrap_or_else(|| backoff(retry))
            }
            Ok(response) if response.status().is_server_error() => backoff(retry),
            Err(error) if error.is_timeout() => backoff(retry),
            _ => Duration::ZERO,
        };
        if wait.is_zero() || retry == RETRIES {
            return answer.map_err(|error| {
                let reason = deepest(&error);
                if error.is_connect() {
                    hosts.give_up(url, &reason);
                }
                reason
            });
        }
        drop(turn);
        retry += 1;
        tokio::time::sleep(wait).await;
    }
}

/// Whether servers say this of `HEAD` that say better of `GET`.
fn head_may_lie(status: StatusCode) -> bool {
    matches!(status.as_u16(), 403 | 404 | 405 | 501) || status.is_server_error()
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).clamp(FIRST_BACKOFF, LONGEST_RETRY_AFTER))
}

fn backoff(retry: u32) -> Duration {
    FIRST_BACKOFF * 2_u32.pow(retry)
}

/// The first cause of an error: what reqwest says above it names the address again.
fn deepest(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn Error = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}

fn without_fragment(url: &str) -> &str {
    url.split_once('#').map_or(url, |(address, _)| address)
}

#[cfg(test)]
mod tests;
