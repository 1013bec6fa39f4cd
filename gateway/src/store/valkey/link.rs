//! A connection to the server that is made again when it breaks, and asked again what may be asked again.

use std::time::Duration;

use redis::{RedisError, Value};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::fault::{self, Fault};
use super::requirements;
use super::script::{Answer, Call, Script};
use crate::store::StoreError;
use crate::valkey::{Connection, Valkey};

/// Between two tries, at first and at most.
const REST: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(300));

/// How the server is asked.
pub(super) struct Link {
    valkey: Valkey,
    /// How many replicas confirm a write.
    replicas: u32,
    /// The longest that anything takes, tries included.
    patience: Duration,
    current: Mutex<Option<(u64, Connection)>>,
}

impl Link {
    pub(super) fn new(valkey: Valkey, replicas: u32, patience: Duration) -> Self {
        Self { valkey, replicas, patience, current: Mutex::new(None) }
    }

    /// Runs a script. One that writes is run again after a lost answer: it must know what it has done.
    pub(super) async fn run(&self, script: &Script, call: &Call) -> Result<Answer, StoreError> {
        Answer::of(self.value(script, call).await?)
    }

    /// The same, of a script whose answer is no list.
    pub(super) async fn value(&self, script: &Script, call: &Call) -> Result<Value, StoreError> {
        let begun = Instant::now();
        let mut last = None;
        let tries = async {
            let mut rest = REST.0;
            loop {
                match self.once(script, call).await {
                    Ok(value) => return Ok(value),
                    Err(Fault::Lasting(error)) => return Err(error),
                    Err(Fault::Passing(error)) => last = Some(error),
                }
                tokio::time::sleep(rest).await;
                rest = (rest * 2).min(REST.1);
            }
        };
        match tokio::time::timeout(self.patience, tries).await {
            Ok(answered) => answered,
            Err(_) => {
                // Whoever comes next tries another connection: this one's peer may be gone without a word.
                if let Ok(mut current) = self.current.try_lock() {
                    current.take();
                }
                let late = || StoreError::Slow(format!("no answer within {:?}", begun.elapsed()));
                Err(last.unwrap_or_else(late))
            }
        }
    }

    async fn once(&self, script: &Script, call: &Call) -> Result<Value, Fault> {
        let (number, connection) = self.connection().await?;
        let asked = match self.ask(&connection, script, call, false).await {
            Err(error) if fault::is_unknown_script(&error) => self.ask(&connection, script, call, true).await,
            asked => asked,
        };
        match asked {
            Ok((value, confirmed)) if confirmed >= i64::from(self.replicas) || script.reads() => Ok(value),
            Ok((_, confirmed)) => Err(Fault::Passing(StoreError::Slow(format!(
                "{confirmed} replicas have confirmed a write that {} must",
                self.replicas
            )))),
            Err(error) => {
                let fault = fault::of(&error);
                // A peer that says nothing may be cut off, and what it held be another's by now.
                if matches!(fault, Fault::Passing(_)) || error.is_timeout() {
                    self.give_up(number).await;
                }
                Err(fault)
            }
        }
    }

    /// What a script answers, and how many replicas have what it wrote.
    async fn ask(
        &self,
        connection: &Connection,
        script: &Script,
        call: &Call,
        whole: bool,
    ) -> Result<(Value, i64), RedisError> {
        let command = if whole { script.whole(call) } else { script.by_name(call) };
        if script.reads() || self.replicas == 0 {
            return Ok((connection.ask(&command).await?, 0));
        }
        let mut wait = redis::cmd("WAIT");
        wait.arg(self.replicas).arg(self.patience.as_millis() as u64 / 4);
        connection.ask_in_turn(command, wait).await
    }

    /// The connection; made, and its server looked at, when there is none.
    pub(super) async fn connection(&self) -> Result<(u64, Connection), Fault> {
        let mut current = self.current.lock().await;
        if let Some((number, connection)) = &*current {
            return Ok((*number, connection.clone()));
        }
        let connection = self.valkey.connect().await.map_err(|error| fault::of(&error))?;
        requirements::admit(&connection, self.replicas).await?;
        static NUMBERS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = NUMBERS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        *current = Some((number, connection.clone()));
        Ok((number, connection))
    }

    /// Gives a connection up, unless another has taken its place.
    async fn give_up(&self, number: u64) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|(other, _)| *other == number) {
            current.take();
        }
    }

    pub(super) fn valkey(&self) -> &Valkey {
        &self.valkey
    }
}
