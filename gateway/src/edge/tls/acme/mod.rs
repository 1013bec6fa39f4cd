//! Certificates by ACME (RFC 8555): ordered at the start, renewed by the authority's advice (RFC 9773) or at two thirds
//! of their life, put in force without a dropped request.
//!
//! The protocol is instant-acme's; ours are the answers to challenges, when to order, and what is kept.

mod account;
mod challenges;
mod client;
mod config;
mod error;
mod kept;
mod order;
mod schedule;
mod told;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use instant_acme::{RevocationReason, RevocationRequest};
use jiff::Timestamp;
use metrics::{counter, gauge};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

pub use self::challenges::Challenges;
use self::client::Client;
pub use self::config::{AcmeConfig, Challenge};
pub use self::error::AcmeError;
use self::kept::KeptCertificate;
pub use self::told::{Line, State};
use self::told::{identifier, leaf, life};
use super::TlsError;
use super::certificates::Certificates;
use crate::app::App;
use crate::email::Email;
use crate::sealing;

/// How often it is looked whether a renewal is due, at least.
const LOOK: Duration = Duration::from_secs(6 * 3_600);
/// How soon an authority's advice is asked for again, at most.
const SOONEST_LOOK: Duration = Duration::from_secs(60);
/// How long a command waits for the authority: less than `aops admin` waits for us.
const COMMAND_PATIENCE: Duration = Duration::from_secs(25);

/// The certificates of one authority, ordered, kept and renewed.
pub struct Acme {
    config: AcmeConfig,
    wanted: ArcSwap<Wanted>,
    client: Client,
    certificates: Arc<Certificates>,
    /// What is answered while an order goes on.
    pub challenges: Arc<Challenges>,
    held: Mutex<Option<KeptCertificate>>,
    opening: tokio::sync::Mutex<()>,
    /// Changes when an order is asked for.
    asked: watch::Sender<()>,
    progress: watch::Sender<Progress>,
}

/// What may change while the gateway runs.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    names: Vec<String>,
    contact: Option<Email>,
    challenges: Vec<Challenge>,
}

#[derive(Debug, Clone, Default)]
struct Progress {
    /// Orders that ended, well or not.
    ended: u64,
    /// Why the last one failed.
    fault: Option<String>,
    /// When the next one is due.
    next: Option<Timestamp>,
}

impl Acme {
    /// What `[gateway.tls.acme]` asks for; nothing is ordered yet.
    ///
    /// # Errors
    /// [`TlsError`]: the authority's root cannot be read.
    pub fn new(
        config: &AcmeConfig,
        hosts: &[String],
        certificates: Arc<Certificates>,
    ) -> Result<Self, TlsError> {
        Ok(Self {
            client: Client::new(config)?,
            config: config.clone(),
            wanted: ArcSwap::from_pointee(Wanted::new(config, hosts)),
            certificates,
            challenges: Arc::default(),
            held: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            asked: watch::Sender::default(),
            progress: watch::Sender::default(),
        })
    }

    /// Puts in force what an earlier run obtained, of other names or another authority too; what cannot be used is told
    /// and ordered anew.
    pub async fn restore(&self, app: &App) {
        let restored = async {
            let kept = kept::certificate(app).await?;
            if let Some(kept) = &kept {
                self.put(kept)?;
            }
            Ok::<_, AcmeError>(kept)
        };
        match restored.await {
            Ok(kept) => *self.held() = kept,
            Err(error) => tracing::error!(%error, "the kept certificate cannot be used and is ordered anew"),
        }
    }

    /// Why the gateway cannot serve yet; none once there is a certificate.
    pub fn unready(&self) -> Option<String> {
        if self.held().is_some() {
            return None;
        }
        let fault = self.progress.borrow().fault.clone();
        Some(fault.map_or_else(
            || "the first certificate is being ordered".to_owned(),
            |fault| format!("there is no certificate yet: {fault}"),
        ))
    }

    /// Other names, challenges or another contact from now on; what names another authority waits for a restart.
    pub fn adopt(&self, config: &AcmeConfig, hosts: &[String]) {
        let new = Wanted::new(config, hosts);
        let old = self.wanted.swap(Arc::new(new));
        let new = self.wanted.load();
        // What changed may be what the last order failed for.
        if old.names != new.names || (old != *new && self.progress.borrow().fault.is_some()) {
            self.asked.send_replace(());
        }
    }

    /// Orders what is due, for ever.
    pub async fn run(&self, app: &App) {
        let mut asked = self.asked.subscribe();
        let (mut failures, mut pause) = (0_u32, Duration::ZERO);
        loop {
            let (due, look) = if failures == 0 { self.due(app).await } else { (pause, pause) };
            tokio::select! {
                () = tokio::time::sleep(due.min(look)) => if due > look {
                    // The clock or the authority's advice may have changed.
                    continue;
                },
                _ = asked.changed() => {}
            }
            let fault = match self.obtain(app, failures as usize).await {
                Ok(until) => {
                    counter!("acme_orders_total", "outcome" => "issued").increment(1);
                    tracing::info!(%until, "a certificate was obtained and put in force");
                    failures = 0;
                    None
                }
                Err(error) => {
                    counter!("acme_orders_total", "outcome" => "failed").increment(1);
                    failures = failures.saturating_add(1);
                    pause =
                        schedule::pause(failures, app.settings.limits_factor, chance(), self.client.rest());
                    tracing::error!(%error, failures, again_in = ?pause, "no certificate was obtained");
                    Some(error.to_string())
                }
            };
            gauge!("acme_failures").set(failures);
            // Who asked meanwhile has had this order.
            asked.mark_unchanged();
            let next = fault.is_some().then(|| app.clock.now().saturating_add(pause).ok()).flatten();
            self.progress.send_modify(|progress| {
                *progress = Progress { ended: progress.ended + 1, fault, next };
            });
        }
    }

    /// Orders now, whatever the schedule says; the number by which [`Self::ordered`] knows the order.
    pub fn renew(&self) -> u64 {
        let order = self.progress.borrow().ended + 1;
        self.asked.send_replace(());
        order
    }

    /// What an order brought; none while it goes on.
    ///
    /// # Errors
    /// [`AcmeError::Failed`], with the reason.
    pub fn ordered(&self, order: u64) -> Result<Option<Line>, AcmeError> {
        let progress = self.progress.borrow().clone();
        match progress.fault {
            _ if progress.ended < order => Ok(None),
            Some(fault) => Err(AcmeError::Failed(fault)),
            None => self.line().map(Some),
        }
    }

    /// Revokes what is in force and orders another with another key.
    ///
    /// # Errors
    /// [`AcmeError`]: nothing was revoked then.
    pub async fn revoke(&self, app: &App, reason: Reason) -> Result<Line, AcmeError> {
        let held = self.held().clone().ok_or(AcmeError::Nothing)?;
        let leaf = leaf(&held.chain)?;
        let asked = async {
            let account = self.account(app).await?;
            let request = RevocationRequest { certificate: &leaf, reason: Some(reason.into()) };
            let mut nonces = order::Nonces::default();
            let revoked = loop {
                let done = account.revoke(&request).await;
                if !nonces.refused(&done) {
                    break done;
                }
            };
            match revoked.map_err(AcmeError::from) {
                Err(error) if !error.is("alreadyRevoked") => Err(error),
                _ => Ok(()),
            }
        };
        tokio::time::timeout(COMMAND_PATIENCE, asked).await.map_err(|_| AcmeError::Slow)??;
        let revoked = KeptCertificate { revoked: true, ..held };
        // A restart before the other is there would take it for good.
        kept::keep_certificate(app, &revoked).await?;
        let line = Line::of(&revoked)?;
        tracing::warn!(serial = line.serial, "the certificate was revoked; another is ordered");
        *self.held() = Some(revoked);
        self.asked.send_replace(());
        Ok(line)
    }

    /// What is in force, or why nothing is.
    ///
    /// # Errors
    /// [`AcmeError::Kept`].
    pub fn line(&self) -> Result<Line, AcmeError> {
        let progress = self.progress.borrow().clone();
        let line = match self.held().as_ref() {
            Some(held) => Line::of(held)?,
            None => Line {
                names: self.wanted.load().names.clone(),
                state: State::Missing,
                serial: None,
                from: None,
                until: None,
                directory: self.config.directory.to_string(),
                obtained: None,
                next: None,
                fault: None,
            },
        };
        Ok(Line { next: progress.next, fault: progress.fault, ..line })
    }

    /// In how long an order is due, and when to look again.
    async fn due(&self, app: &App) -> (Duration, Duration) {
        const NOW: (Duration, Duration) = (Duration::ZERO, LOOK);
        let Some(held) = self.held().clone() else { return NOW };
        let other =
            held.directory != self.config.directory.as_str() || held.names != self.wanted.load().names;
        let Ok((from, until)) = life(&held.chain) else { return NOW };
        if held.revoked || other {
            return NOW;
        }
        let (advice, look) = self.advice(app, &held).await;
        // The same certificate chooses the same moment at every look and after a restart.
        let chance = settled(&held.chain);
        let at = match advice {
            Some(window) => schedule::in_window(window, (from, until), chance),
            None => schedule::at_two_thirds(from, until, chance),
        };
        let youngest = held.obtained.saturating_add(schedule::YOUNGEST).unwrap_or(at);
        let at = at.max(youngest);
        self.progress.send_modify(|progress| progress.next = Some(at));
        (Duration::try_from(at.duration_since(app.clock.now())).unwrap_or_default(), look)
    }

    /// The window that the authority advises, if it does (RFC 9773), and when to ask again.
    async fn advice(&self, app: &App, held: &KeptCertificate) -> (Option<(Timestamp, Timestamp)>, Duration) {
        let Some(id) = identifier(&held.chain) else { return (None, LOOK) };
        let asked = async { Ok::<_, AcmeError>(self.account(app).await?.renewal_info(&id).await?) };
        match asked.await {
            Ok((advice, again)) => {
                if let Some(why) = &advice.explanation_url {
                    tracing::info!(why, "the authority explains when it wants the certificate renewed");
                }
                let second = |moment: i64| Timestamp::from_second(moment).ok();
                let window = advice.suggested_window;
                let window = second(window.start.unix_timestamp()).zip(second(window.end.unix_timestamp()));
                (window, again.clamp(SOONEST_LOOK, LOOK))
            }
            Err(AcmeError::Authority(instant_acme::Error::Unsupported(_))) => (None, LOOK),
            Err(error) => {
                tracing::warn!(%error, "there is no advice on renewal");
                (None, LOOK)
            }
        }
    }

    async fn obtain(&self, app: &App, failures: usize) -> Result<Timestamp, AcmeError> {
        let wanted = self.wanted.load_full();
        let account = self.account(app).await?;
        let mut challenges = wanted.challenges.clone();
        challenges.rotate_left(failures % wanted.challenges.len());
        let replaces = self.held().as_ref().and_then(|held| identifier(&held.chain));
        let replaces = match replaces {
            // Only an authority that gives advice knows `replaces`, and it may refuse it.
            Some(id) if failures == 0 => account.renewal_info(&id).await.is_ok().then_some(id),
            _ => None,
        };
        let issued = order::issue(&account, &wanted.names, &challenges, &self.challenges, replaces).await;
        let issued = match issued {
            Err(error) if error.is("accountDoesNotExist") => {
                tracing::warn!("the authority does not know our account; another is made");
                kept::forget_account(app).await?;
                return Err(error);
            }
            issued => issued?,
        };
        let kept = KeptCertificate {
            directory: self.config.directory.to_string(),
            names: wanted.names.clone(),
            chain: issued.chain,
            key: issued.key,
            obtained: app.clock.now(),
            revoked: false,
        };
        let (_, until) = life(&kept.chain)?;
        self.put(&kept)?;
        // What cannot be kept is served until the next start, which orders another.
        if let Err(error) = kept::keep_certificate(app, &kept).await {
            tracing::error!(%error, "the new certificate is in force but could not be kept");
        }
        *self.held() = Some(kept);
        Ok(until)
    }

    fn put(&self, kept: &KeptCertificate) -> Result<(), TlsError> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(kept.key.to_vec()));
        self.certificates.put(&kept.chain, key, &kept.names)
    }

    fn held(&self) -> MutexGuard<'_, Option<KeptCertificate>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wanted {
    fn new(config: &AcmeConfig, hosts: &[String]) -> Self {
        let mut names: Vec<_> = hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        names.sort_unstable();
        names.dedup();
        Self { names, contact: config.contact.clone(), challenges: config.challenges.clone() }
    }
}

/// Why a certificate is revoked (RFC 5280 § 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Nothing is said.
    Unspecified,
    /// Somebody else may have the key.
    KeyCompromise,
    /// Another has taken its place.
    Superseded,
    /// The names are no longer served.
    CessationOfOperation,
}

impl From<Reason> for RevocationReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Unspecified => Self::Unspecified,
            Reason::KeyCompromise => Self::KeyCompromise,
            Reason::Superseded => Self::Superseded,
            Reason::CessationOfOperation => Self::CessationOfOperation,
        }
    }
}

/// What is kept, for a store that no gateway holds.
///
/// # Errors
/// [`AcmeError`].
pub async fn stored(app: &App) -> Result<Option<Line>, AcmeError> {
    kept::certificate(app).await?.map(|kept| Line::of(&kept)).transpose()
}

/// A number in 0..1.
fn chance() -> f64 {
    // Without randomness every gateway waits as long as it may.
    sealing::random::<4>().map_or(1.0, |bytes| f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX))
}

/// A number in 0..1 that follows from a certificate.
fn settled(chain: &str) -> f64 {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(chain.as_bytes());
    f64::from(u16::from_be_bytes([digest[0], digest[1]])) / f64::from(u16::MAX)
}
