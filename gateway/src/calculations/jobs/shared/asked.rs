//! A connection to the server of the queue, made again after whatever broke it.

use std::time::Duration;

use redis::{Cmd, FromRedisValue, RedisError};
use tokio::sync::Mutex;

use crate::valkey::{Connection, Valkey};

/// The longest that the server is waited for: nothing here is worth more, since a look through the store makes it good.
const PATIENCE: Duration = Duration::from_secs(3);

/// How the server is asked.
pub(super) struct Asked {
    server: Valkey,
    current: Mutex<Option<Connection>>,
}

impl Asked {
    pub(super) fn of(server: Valkey) -> Self {
        Self { server: server.with_patience(PATIENCE), current: Mutex::default() }
    }

    /// Runs a script.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &str,
        keys: &[String],
        arguments: &[&str],
    ) -> Result<T, RedisError> {
        let mut command = redis::cmd("EVAL");
        command.arg(script).arg(keys.len()).arg(keys).arg(arguments);
        self.ask(&command).await
    }

    /// Asks a command, once more where the connection had gone meanwhile.
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        match self.once(command).await {
            Err(error) if error.is_connection_dropped() => self.once(command).await,
            asked => asked,
        }
    }

    async fn once<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        let connection = {
            let mut current = self.current.lock().await;
            match &*current {
                Some(connection) => connection.clone(),
                None => current.insert(self.server.connect().await?).clone(),
            }
        };
        let asked = connection.ask(command).await;
        // Whatever the server does not say itself may be the connection's fault.
        if asked.as_ref().is_err_and(|error: &RedisError| error.code().is_none()) {
            self.current.lock().await.take();
        }
        asked
    }
}
