//! What is told of a request or a call, and the queue in which it waits.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::{Method, StatusCode, Version};

use super::lost;
use crate::edge::access_log::{self, Line};
use crate::trace::Trace;

/// Spans that may wait, some hundred bytes each; those beyond them are lost, and counted.
const MOST_WAITING: usize = 8_192;

/// A span, before it is written as OTLP wants it.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) trace: Trace,
    pub(super) began: SystemTime,
    pub(super) ended: SystemTime,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// A request that we answered; of its address only the network leaves.
    Answered {
        method: Method,
        path: String,
        version: Version,
        class: &'static str,
        peer: IpAddr,
        status: StatusCode,
        bytes: Option<u64>,
    },
    /// A call that we made; no status where there was no answer.
    Called { service: &'static str, status: Option<u16> },
}

impl What {
    pub(super) fn answered(line: &Line<'_>) -> Self {
        Self::Answered {
            method: line.method.clone(),
            path: access_log::told(line.path).to_owned(),
            version: line.version,
            class: line.class.label(),
            peer: line.peer,
            status: line.status,
            bytes: line.bytes,
        }
    }
}

impl Told {
    pub(super) fn new(trace: Trace, elapsed: Duration, what: What) -> Self {
        let ended = SystemTime::now();
        Self { trace, began: ended.checked_sub(elapsed).unwrap_or(ended), ended, what }
    }
}

pub(super) static QUEUE: Queue = Queue::new(MOST_WAITING);

/// Spans that wait; closed until somebody takes them.
pub(super) struct Queue {
    most: usize,
    waiting: Mutex<Waiting>,
}

struct Waiting {
    open: bool,
    spans: Vec<Told>,
}

impl Queue {
    pub(super) const fn new(most: usize) -> Self {
        Self { most, waiting: Mutex::new(Waiting { open: false, spans: Vec::new() }) }
    }

    pub(super) fn open(&self) {
        self.lock().open = true;
    }

    pub(super) fn close(&self) {
        self.lock().open = false;
    }

    pub(super) fn push(&self, told: Told) {
        let mut waiting = self.lock();
        if !waiting.open {
            return;
        }
        if waiting.spans.len() < self.most {
            return waiting.spans.push(told);
        }
        drop(waiting);
        lost("full", 1);
    }

    pub(super) fn len(&self) -> usize {
        self.lock().spans.len()
    }

    /// The oldest, so many at most.
    pub(super) fn take(&self, most: usize) -> Vec<Told> {
        let mut waiting = self.lock();
        if waiting.spans.len() <= most {
            return std::mem::take(&mut waiting.spans);
        }
        let rest = waiting.spans.split_off(most);
        std::mem::replace(&mut waiting.spans, rest)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
