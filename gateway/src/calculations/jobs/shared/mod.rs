//! The queue that gateways and workers share, on the server of `[store]`.
//!
//! The documents of the store are what is to be done; what stands here only says who does it. Each organisation has two
//! lines, streams with one group of readers: what is small, and the rest. Whoever takes a calculation has it for a
//! [`LEASE`], which it prolongs while it computes; what a dead worker had is taken by the next one. Whatever is lost
//! here is put back by a look through the store (`worker.rs`), and whatever is too much is found to be over. All names
//! share a hash tag, so that a script does each act whole.

mod asked;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::RedisError;

use self::asked::Asked;
use super::queue::{SMALL, Takes, Waiting};
use crate::accounts::random::{self, NoRandomness};
use crate::valkey::Valkey;

/// How long a calculation is a worker's that has not been heard of.
pub(super) const LEASE: Duration = Duration::from_secs(10);
/// What every name begins with: the access list of our user allows what begins so.
const PREFIX: &str = "aops:calculations:{queue}:";
/// A look through the store is made by one at a time; the others need not for so long.
const LOOKED: Duration = Duration::from_secs(50);

const PUSH: &str = include_str!("scripts/push.lua");
const TAKE: &str = include_str!("scripts/take.lua");
const BEAT: &str = include_str!("scripts/beat.lua");
const DONE: &str = include_str!("scripts/done.lua");

/// The shared queue, as one process sees it.
pub(in crate::calculations) struct Shared {
    server: Asked,
    /// Under which name this process holds what it takes.
    me: String,
    held: Mutex<HashMap<String, Held>>,
    /// How far others are, as they last told.
    told: Mutex<HashMap<String, f64>>,
}

/// A calculation that this process has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) waiting: Waiting,
    place: String,
}

impl Shared {
    /// On a server; nothing is asked of it yet.
    ///
    /// # Errors
    /// [`NoRandomness`], for want of a name.
    pub(in crate::calculations) fn on(server: Valkey) -> Result<Self, NoRandomness> {
        Ok(Self {
            server: Asked::of(server),
            me: random::base62(16)?,
            held: Mutex::default(),
            told: Mutex::default(),
        })
    }

    /// Puts a calculation into its line, unless it is known already.
    pub(super) async fn push(&self, waiting: &Waiting) -> Result<(), RedisError> {
        let Waiting { organisation, id, size } = waiting;
        let keys = [name("about"), name("known"), line(waiting), name("round")];
        self.server.run(PUSH, &keys, &[organisation, id, &size.to_string()]).await
    }

    /// Takes the next one, if there is one.
    pub(super) async fn take(&self, takes: Takes) -> Result<Option<Held>, RedisError> {
        let lease = LEASE.as_millis().to_string();
        let mut arguments = vec![&self.me[..], &lease, "small"];
        if takes == Takes::All {
            arguments.push("large");
        }
        let keys = [name("about"), name("round"), name("")];
        let found: Option<(String, String, String, String, u32)> =
            self.server.run(TAKE, &keys, &arguments).await?;
        let Some((organisation, _, place, id, size)) = found else { return Ok(None) };
        let held = Held { waiting: Waiting { organisation, id, size }, place };
        locked(&self.held).insert(held.waiting.id.clone(), held.clone());
        Ok(Some(held))
    }

    /// Prolongs a lease and tells how far the calculation is; whether it is still ours.
    pub(super) async fn beat(&self, held: &Held, progress: f64) -> Result<bool, RedisError> {
        let thousandths = ((progress * 1000.0) as u32).to_string();
        let keys = [line(&held.waiting), name("progress")];
        self.server.run(BEAT, &keys, &[&self.me, &held.place, &held.waiting.id, &thousandths]).await
    }

    /// There is nothing more to do.
    pub(super) async fn done(&self, held: &Held) -> Result<(), RedisError> {
        self.end(held, "").await
    }

    /// It is to be begun again, in its turn.
    pub(super) async fn back(&self, held: &Held) -> Result<(), RedisError> {
        self.end(held, &held.waiting.size.to_string()).await
    }

    /// Another has it, or will.
    pub(super) fn lost(&self, held: &Held) {
        locked(&self.held).remove(&held.waiting.id);
    }

    /// Gives back all that this process holds.
    pub(super) async fn leave(&self) -> Result<(), RedisError> {
        let held: Vec<Held> = locked(&self.held).values().cloned().collect();
        for held in held {
            self.back(&held).await?;
        }
        Ok(())
    }

    /// How many of an organisation wait or run.
    pub(super) async fn waiting(&self, organisation: &str) -> Result<usize, RedisError> {
        let mut sum = 0;
        for kind in ["small", "large"] {
            sum += self.server.ask::<usize>(redis::cmd("XLEN").arg(of(kind, organisation))).await?;
        }
        Ok(sum)
    }

    /// Whether it is this process' turn to look through the store for what is not in line.
    pub(super) async fn looks(&self) -> Result<bool, RedisError> {
        let mut command = redis::cmd("SET");
        command.arg(name("looked")).arg(1).arg("NX").arg("PX").arg(LOOKED.as_millis() as u64);
        Ok(self.server.ask::<Option<String>>(&command).await?.is_some())
    }

    /// Asks how far all that run are.
    pub(super) async fn hear(&self) -> Result<(), RedisError> {
        let told: HashMap<String, u32> = self.server.ask(redis::cmd("HGETALL").arg(name("progress"))).await?;
        let told = told.into_iter().map(|(id, thousandths)| (id, f64::from(thousandths.min(1000)) / 1000.0));
        *locked(&self.told) = told.collect();
        Ok(())
    }

    /// How far one is, as was last heard.
    pub(super) fn progress(&self, id: &str) -> Option<f64> {
        locked(&self.told).get(id).copied()
    }

    async fn end(&self, held: &Held, size: &str) -> Result<(), RedisError> {
        let keys = [line(&held.waiting), name("known"), name("progress")];
        let arguments = [&self.me, &held.place, &held.waiting.id, size];
        self.server.run::<u64>(DONE, &keys, &arguments).await?;
        self.lost(held);
        Ok(())
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("me", &self.me).finish_non_exhaustive()
    }
}

fn line(waiting: &Waiting) -> String {
    of(if waiting.size <= SMALL { "small" } else { "large" }, &waiting.organisation)
}

fn of(kind: &str, organisation: &str) -> String {
    name(&format!("{kind}:{organisation}"))
}

fn name(what: &str) -> String {
    format!("{PREFIX}{what}")
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
