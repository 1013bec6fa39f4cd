//! What the server does for us in one piece, and how it is asked.

use std::fmt::Write;
use std::sync::LazyLock;

use aws_lc_rs::digest;
use redis::{Cmd, Value};

use super::fault::odd;
use crate::store::StoreError;

/// A script and the name under which the server knows it once it has seen it.
pub(super) struct Script {
    source: &'static str,
    hash: String,
    reads: bool,
}

macro_rules! script {
    ($name:ident, $file:literal, $reads:literal) => {
        pub(super) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(include_str!(concat!("scripts/", $file)), $reads));
    };
}

script!(COMMIT, "commit.lua", false);
script!(CONFIRM, "confirm.lua", false);
script!(INDEX, "index.lua", false);
script!(READ, "read.lua", true);
script!(COUNT, "count.lua", true);
script!(SCAN, "scan.lua", true);
script!(DUE, "due.lua", true);
script!(ABOUT, "about.lua", true);
script!(LOG, "log.lua", true);
script!(SINCE, "since.lua", true);

impl Script {
    fn new(source: &'static str, reads: bool) -> Self {
        // The name that the protocol prescribes; nothing rests on it.
        let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, source.as_bytes());
        let mut hash = String::with_capacity(40);
        for byte in digest.as_ref() {
            // Writing to a string does not fail.
            let _ = write!(hash, "{byte:02x}");
        }
        Self { source, hash, reads }
    }

    /// Whether it writes nothing.
    pub(super) fn reads(&self) -> bool {
        self.reads
    }

    /// What is sent to a server that knows the script.
    pub(super) fn by_name(&self, call: &Call) -> Cmd {
        self.command(if self.reads { "EVALSHA_RO" } else { "EVALSHA" }, &self.hash, call)
    }

    /// What is sent to one that does not, and knows it afterwards.
    pub(super) fn whole(&self, call: &Call) -> Cmd {
        self.command(if self.reads { "EVAL_RO" } else { "EVAL" }, self.source, call)
    }

    fn command(&self, name: &str, script: &str, call: &Call) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(call.keys.len());
        call.keys.iter().for_each(|key| {
            command.arg(key);
        });
        call.arguments.iter().for_each(|argument| {
            command.arg(&argument[..]);
        });
        command
    }
}

/// What a script is given.
#[derive(Default)]
pub(super) struct Call {
    keys: Vec<String>,
    arguments: Vec<Vec<u8>>,
}

impl Call {
    pub(super) fn on<const N: usize>(keys: [String; N]) -> Self {
        Self { keys: keys.into(), arguments: Vec::new() }
    }

    pub(super) fn key(&mut self, key: String) {
        self.keys.push(key);
    }

    pub(super) fn push(&mut self, argument: impl AsRef<[u8]>) {
        self.arguments.push(argument.as_ref().to_vec());
    }

    pub(super) fn with(mut self, argument: impl AsRef<[u8]>) -> Self {
        self.push(argument);
        self
    }

    pub(super) fn set(&mut self, place: usize, argument: impl AsRef<[u8]>) {
        if let Some(slot) = self.arguments.get_mut(place) {
            *slot = argument.as_ref().to_vec();
        }
    }
}

/// An answer, read part by part.
pub(super) struct Answer(std::vec::IntoIter<Value>);

impl Answer {
    pub(super) fn of(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Array(parts) => Ok(Self(parts.into_iter())),
            _ => Err(odd()),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.as_slice().is_empty()
    }

    /// Bytes, or nothing.
    pub(super) fn bytes(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.0.next() {
            Some(Value::BulkString(bytes)) => Ok(Some(bytes)),
            Some(Value::SimpleString(text)) => Ok(Some(text.into_bytes())),
            Some(Value::Int(number)) => Ok(Some(number.to_string().into_bytes())),
            // RESP2 has no other way to say it.
            Some(Value::Nil | Value::Boolean(false)) => Ok(None),
            _ => Err(odd()),
        }
    }

    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        self.bytes()?.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(odd)
    }

    pub(super) fn number(&mut self) -> Result<u64, StoreError> {
        self.text()?.parse().map_err(|_| odd())
    }

    pub(super) fn flag(&mut self) -> Result<bool, StoreError> {
        Ok(self.number()? != 0)
    }

    pub(super) fn list(&mut self) -> Result<Self, StoreError> {
        Self::of(self.0.next().ok_or_else(odd)?)
    }
}
