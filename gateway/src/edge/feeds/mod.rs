//! Lists of blocks that others keep: fetched in the background, judged before they are believed, kept over restarts.
//!
//! No request waits for any of it: the filter looks into the set that was taken last, and a new one takes its place
//! whole.

mod fetch;
mod format;
mod judgement;
mod kept;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use metrics::{counter, gauge};
use reqwest::{Client, Url};
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};

use self::fetch::Fetched;
use self::judgement::{Believed, Spared};
use self::kept::{About, Kept};
use crate::app::{App, SharedApp};
use crate::config::{GatewayConfig, Settings};
use crate::edge::blocks::Blocks;

pub use self::judgement::too_wide;

/// Feeds at most: each is a label in metrics, and a set in memory.
const MOST: usize = 32;
/// The largest list that may be configured, in bytes.
const LARGEST: u64 = 64 << 20;
/// The shortest time between two fetches from somebody else's server.
const SHORTEST: SignedDuration = SignedDuration::from_mins(5);
/// The first wait after a failure; it doubles up to the feed's own period.
const RETRY: Duration = Duration::from_secs(30);

/// One of the `[[gateway.feeds]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedConfig {
    /// In lists and metrics: small letters, digits and `-`.
    pub name: String,
    /// Where it is fetched; https.
    #[serde(deserialize_with = "url")]
    pub url: Url,
    /// How often.
    #[serde(default = "FeedConfig::default_every")]
    pub every: SignedDuration,
    /// The largest list that is read, in bytes.
    #[serde(default = "FeedConfig::default_max_bytes")]
    pub max_bytes: u64,
}

impl FeedConfig {
    fn default_every() -> SignedDuration {
        SignedDuration::from_hours(12)
    }

    fn default_max_bytes() -> u64 {
        16 << 20
    }

    /// # Errors
    /// [`FeedError`].
    fn check(&self) -> Result<(), FeedError> {
        let wrong = |why| Err(FeedError { name: self.name.clone(), why });
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.name.is_empty() || self.name.len() > 32 || !self.name.bytes().all(letters) {
            return wrong("its name is 1 to 32 small letters, digits and `-`");
        }
        if !fetch::safe(&self.url) {
            return wrong("its url must begin with https://");
        }
        if self.every < SHORTEST && self.url.scheme() == "https" {
            return wrong("`every` is 5m at least: others pay for what we fetch");
        }
        if !self.every.is_positive() || self.max_bytes > LARGEST {
            return wrong("`every` is above 0, `max_bytes` at most 67108864");
        }
        Ok(())
    }
}

/// A feed that is configured wrongly.
#[derive(Debug, thiserror::Error)]
#[error("[[gateway.feeds]] `{name}`: {why}")]
pub struct FeedError {
    name: String,
    why: &'static str,
}

/// Why a list was not taken; what was in force stays so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// No answer, or not to its end.
    #[error("it cannot be fetched: {0}")]
    Unreachable(String),
    /// Another answer than a list.
    #[error("its server answers {0}")]
    Status(u16),
    /// It weighs too much.
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    /// It does not end as a list does.
    #[error("it ends in the middle of a line: it was cut")]
    Cut,
    /// It is no text.
    #[error("it is no text")]
    NoText,
    /// A line is no block.
    #[error("line {0} is no block: `{1}`")]
    Line(usize, String),
    /// Blocks are missing, by what it says itself.
    #[error("it tells {told} blocks and holds {found}: it was cut")]
    Incomplete {
        /// What it says.
        told: usize,
        /// What it holds.
        found: usize,
    },
    /// It holds too many.
    #[error("it holds more than {0} blocks")]
    TooMany(usize),
    /// It would refuse much of the world.
    #[error("it holds {0}, which is too much of the world")]
    TooWide(IpNet),
    /// It would refuse nobody.
    #[error("it holds no public block")]
    Empty,
    /// It lost most of what it had.
    #[error("it went from {before} blocks to {now}: it is taken if the next fetch finds so too")]
    Shrunk {
        /// In force.
        before: usize,
        /// In the new list.
        now: usize,
    },
}

/// How a feed fares, as `aops admin ban feeds` tells it.
#[derive(Debug, Clone, Serialize)]
pub struct FeedState {
    /// The feed.
    pub name: String,
    /// `fresh`, `stale` (older than two periods), `doubted` (something newer was refused) or `never`.
    pub state: &'static str,
    /// In force.
    pub blocks: usize,
    /// Left out since they are private or ours.
    pub left_out: usize,
    /// When it was fetched, or last found unchanged.
    pub checked: Option<Timestamp>,
    /// Since then.
    pub age_seconds: Option<i64>,
    /// Why the last fetch brought nothing.
    pub reason: Option<String>,
    /// Where it comes from.
    pub url: String,
}

/// Every feed.
#[derive(Debug)]
pub struct Feeds {
    feeds: Vec<Feed>,
    spared: ArcSwap<Spared>,
}

#[derive(Debug)]
struct Feed {
    config: FeedConfig,
    path: PathBuf,
    taken: Mutex<Taken>,
}

/// What is in force of a feed.
#[derive(Debug, Default)]
struct Taken {
    blocks: Arc<Blocks>,
    count: usize,
    about: About,
    doubt: Option<Doubt>,
}

impl Feeds {
    /// The feeds as configured, with what was kept of them.
    ///
    /// # Errors
    /// [`FeedError`]. A kept list that is damaged is told, and fetched anew.
    pub fn new(settings: &Settings) -> Result<Self, FeedError> {
        let configs = &settings.gateway.feeds;
        let mut names = HashSet::new();
        for config in configs {
            config.check()?;
            let wrong = |why| Err(FeedError { name: config.name.clone(), why });
            if !names.insert(&config.name) {
                return wrong("another feed has its name");
            }
            if configs.len() > MOST {
                return wrong("there are more than 32 feeds");
            }
        }
        let folder = settings.data.join("feeds");
        let feed = |config: &FeedConfig| {
            let path = folder.join(format!("{}.list", config.name));
            let kept = Kept::read(&path).unwrap_or_else(|error| {
                tracing::error!(feed = %config.name, %error, "the kept list of a feed is not taken");
                None
            });
            let kept = kept.filter(|kept| kept.about.url == config.url.as_str());
            let taken = Mutex::new(kept.map(Taken::of).unwrap_or_default());
            Feed { config: config.clone(), path, taken }
        };
        Ok(Self {
            feeds: configs.iter().map(feed).collect(),
            spared: ArcSwap::from_pointee(Spared::of(&settings.gateway)),
        })
    }

    /// Others are left out of lists from the next fetch on.
    pub fn adopt(&self, gateway: &GatewayConfig) {
        self.spared.store(Arc::new(Spared::of(gateway)));
    }

    /// The blocks of all of them.
    pub fn blocks(&self) -> Blocks {
        let sets: Vec<Arc<Blocks>> = self.feeds.iter().map(|feed| Arc::clone(&feed.taken().blocks)).collect();
        Blocks::union(sets.iter().map(Arc::as_ref))
    }

    /// How each fares.
    pub fn states(&self, now: Timestamp) -> Vec<FeedState> {
        self.feeds.iter().map(|feed| feed.state(now)).collect()
    }
}

impl Taken {
    fn of(kept: Kept) -> Self {
        let Kept { about, blocks } = kept;
        Self { count: blocks.len(), blocks: Arc::new(blocks.into_iter().collect()), about, doubt: None }
    }
}

impl Feed {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self, now: Timestamp) -> FeedState {
        let taken = self.taken();
        let age = taken.about.checked.map(|checked| now.duration_since(checked));
        let state = match (&taken.doubt, age) {
            (_, None) => "never",
            (Some(_), _) => "doubted",
            (None, Some(age)) if age > self.config.every.saturating_mul(2) => "stale",
            (None, Some(_)) => "fresh",
        };
        FeedState {
            name: self.config.name.clone(),
            state,
            blocks: taken.count,
            left_out: taken.about.left_out,
            checked: taken.about.checked,
            age_seconds: age.map(|age| age.as_secs()),
            reason: taken.doubt.as_ref().map(Doubt::to_string),
            url: self.config.url.to_string(),
        }
    }

    fn tell(&self, now: Timestamp) {
        let state = self.state(now);
        gauge!("blocklist_blocks", "source" => state.name.clone()).set(state.blocks as f64);
        if let Some(age) = state.age_seconds {
            gauge!("feed_age_seconds", "source" => state.name).set(age as f64);
        }
    }

    /// How long until the kept list is due to be fetched.
    fn due(&self, now: Timestamp) -> Duration {
        let Some(checked) = self.taken().about.checked else { return Duration::ZERO };
        // A clock that was set back makes nothing wait longer than a period.
        let age = now.duration_since(checked).max(SignedDuration::ZERO);
        self.config.every.saturating_sub(age).max(SignedDuration::ZERO).unsigned_abs()
    }
}

/// Fetches each feed when it is due, for ever.
pub async fn follow(app: SharedApp) {
    if app.feeds.feeds.is_empty() {
        return;
    }
    let client = match fetch::client(app.feeds.feeds.iter().map(|feed| &feed.config.url)) {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "feeds cannot be fetched"),
    };
    futures::future::join_all((0..app.feeds.feeds.len()).map(|index| follow_one(&app, index, &client))).await;
}

async fn follow_one(app: &SharedApp, index: usize, client: &Client) {
    let feed = &app.feeds.feeds[index];
    let name = feed.config.name.as_str();
    let mut failures = 0;
    feed.tell(app.clock.now());
    tokio::time::sleep(feed.due(app.clock.now())).await;
    loop {
        let outcome = refresh(app, index, client).await;
        let label = if outcome.is_ok() { "taken" } else { "doubted" };
        counter!("feed_fetches_total", "source" => name.to_owned(), "outcome" => label).increment(1);
        let every = feed.config.every.unsigned_abs();
        let wait = match &outcome {
            Ok(()) => {
                failures = 0;
                every
            }
            Err(doubt) => {
                failures += 1;
                tracing::error!(feed = name, why = %doubt, "a feed was not taken; what was in force stays");
                match doubt {
                    Doubt::Shrunk { .. } => every,
                    _ => RETRY.saturating_mul(1 << u32::min(failures - 1, 16)).min(every),
                }
            }
        };
        feed.taken().doubt = outcome.err();
        feed.tell(app.clock.now());
        tokio::time::sleep(jittered(wait)).await;
    }
}

/// Fetches, and takes what is new.
async fn refresh(app: &SharedApp, index: usize, client: &Client) -> Result<(), Doubt> {
    let feed = &app.feeds.feeds[index];
    let before = feed.taken().about.clone();
    match fetch::fetch(client, &feed.config.url, feed.config.max_bytes, &before).await? {
        Fetched::Unchanged => {
            feed.taken().about.checked = Some(app.clock.now());
            Ok(())
        }
        Fetched::New(text, about) => {
            // A million lines take a while; requests are answered meanwhile.
            let app = Arc::clone(app);
            let taking =
                tokio::task::spawn_blocking(move || take(&app, &app.feeds.feeds[index], &text, about));
            taking.await.unwrap_or_else(|error| Err(Doubt::Unreachable(error.to_string())))
        }
    }
}

/// Judges, keeps, and puts in force.
fn take(app: &App, feed: &Feed, text: &str, about: About) -> Result<(), Doubt> {
    let before = {
        let taken = feed.taken();
        match taken.doubt {
            // What it shrank to was found again: it may be so, but for shrinking once more.
            Some(Doubt::Shrunk { now, .. }) => now,
            _ => taken.count,
        }
    };
    let Believed { blocks, left_out } = app.feeds.spared.load().judge(format::read(text)?, before)?;
    let kept = Kept { about: About { checked: Some(app.clock.now()), left_out, ..about }, blocks };
    let name = feed.config.name.as_str();
    if let Err(error) = kept.write(&feed.path) {
        tracing::error!(feed = name, %error, "a feed is in force, but will not outlive a restart");
    }
    if left_out > 0 {
        tracing::warn!(feed = name, left_out, "blocks of a feed that are private or ours are left out");
    }
    tracing::info!(feed = name, blocks = kept.blocks.len(), "a feed was taken");
    *feed.taken() = Taken::of(kept);
    app.blocklist.feed(app.feeds.blocks());
    let now = app.clock.now();
    app.connections.cut(|address| app.blocklist.refuses(address, now));
    Ok(())
}

/// A wait, up to a fifth longer: gateways that started together do not ask together.
fn jittered(wait: Duration) -> Duration {
    let mut drawn = [0; 1];
    // Without randomness they do.
    let _ = getrandom::fill(&mut drawn);
    wait + wait.mul_f64(f64::from(drawn[0]) / 255.0 / 5.0)
}

fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    Url::parse(&text).map_err(|error| D::Error::custom(format!("`{text}` is no URL: {error}")))
}
