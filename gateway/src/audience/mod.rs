//! Our own audience figures: pages counted without a cookie, and without keeping an address or anything by which a
//! visitor could be told from another (`p-audience-anonymous`). Exempt from consent: CNIL, guidelines on cookies of
//! 17 September 2020, § 51; the objection is kept all the same.

mod page;
mod request;
mod stored;
mod visits;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

pub use self::stored::{Line, SHAPES, list};

use self::visits::{Counts, Visits};
use crate::accounts::random::NoRandomness;
use crate::app::{App, SharedApp};
use crate::countries::{Countries, CountriesError};

/// How often totals are stored.
const PERIOD: Duration = Duration::from_secs(60);

/// The `[audience]` table of `site.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudienceConfig {
    /// A CSV of `start,end,country` by which cut addresses are told a country; without it none is counted.
    #[serde(default)]
    pub country_table: Option<PathBuf>,
}

/// What is counted: a closed list (`p-audience-metrics`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Pages seen, by path.
    Page,
    /// Visits begun; the value is empty.
    Visit,
    /// The first page of a visit.
    Entry,
    /// The last page of a visit.
    Exit,
    /// How long a visit lasted, in bands.
    Length,
    /// How many pages a visit saw, in bands.
    Depth,
    /// The host that a visit came from.
    Referrer,
    /// The country, by the cut address and an offline table.
    Country,
    /// Mobile, tablet or desktop.
    Device,
    /// The language preferred.
    Language,
    /// Pages fetched by robots, apart from all else; the value is empty.
    Robot,
}

/// The counter: what is open in memory, and what waits to be stored.
pub struct Audience {
    visits: Mutex<Visits>,
    countries: Countries,
}

impl Audience {
    /// A counter of nothing yet.
    ///
    /// # Errors
    /// [`CountriesError`], with the line of the table; no randomness for the day's key.
    pub fn new(config: &AudienceConfig) -> Result<Self, AudienceError> {
        let countries = config.country_table.as_deref().map(Countries::read).transpose()?.unwrap_or_default();
        Ok(Self { visits: Mutex::new(Visits::new()?), countries })
    }

    /// Counts a page of the site that was answered, unless its visitor objects. `path` is one of the site's own.
    pub fn saw(&self, app: &App, peer: IpAddr, path: &str, headers: &HeaderMap) {
        let Some(seen) = request::read(&app.hosts, headers) else { return };
        let country = self.countries.of(visits::cut(peer).into());
        let mut visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        visits.count(app.clock.now(), peer, path, &seen, country);
    }

    /// Ends the visits that rest, and takes what was counted.
    fn take(&self, app: &App, all: bool) -> Counts {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner).take(app.clock.now(), all)
    }

    /// Puts back what could not be stored.
    fn give_back(&self, counts: Counts) {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner).add(counts);
    }
}

/// Why nothing can be counted.
#[derive(Debug, thiserror::Error)]
pub enum AudienceError {
    /// The table of countries.
    #[error(transparent)]
    Countries(#[from] CountriesError),
    /// No key can be drawn.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

/// Stores what was counted since the last time; `all`: the gateway stops, and open visits end.
pub async fn store(app: &App, all: bool) {
    let counts = app.audience.take(app, all);
    if let Err((left, error)) = stored::add(app, counts).await {
        tracing::warn!(%error, "audience figures could not be stored; they are tried again");
        app.audience.give_back(left);
    }
}

/// Stores what was counted once a minute, and all of it at the end.
pub async fn run(app: SharedApp, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => store(&app, false).await,
            _ = stopped.changed() => break,
        }
    }
    store(&app, true).await;
}

/// The routes of the staff's page.
pub fn routes() -> axum::Router<SharedApp> {
    page::routes()
}
