//! Following a calculation that runs in a process of its own.

use std::io;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

use super::fate::{Cause, Fate};
use super::frames::{self, Said};
use super::{Answer, Nursery, Work};
use crate::calculations::jobs::queue::Run;

/// How long the nursery may take to tell how a process ended that says no more.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest that is told of a fate.
const LONGEST_FATE: u64 = 4_096;

/// What was heard of a calculation.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::calculations::jobs) enum Heard {
    /// What came of it.
    Answer(Answer),
    /// It passed its bounds or took its process down.
    Died(String),
    /// It ended for what is not its doing, or was stopped.
    Interrupted(String),
}

/// Has it computed apart, for at most `longest`; it is killed where it is stopped, and where nobody waits for it any
/// more.
///
/// # Errors
/// What keeps this machine from computing anything.
pub(in crate::calculations::jobs) async fn hear(
    nursery: &Nursery,
    work: Work,
    longest: Duration,
    run: &Run,
) -> Result<Heard, String> {
    let packing = tokio::task::spawn_blocking(move || frames::packed(&work));
    let packed = packing.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let born = nursery.bear().map_err(|error| error.to_string())?;
    let (asked, mut fate) = (born.asked, born.fate);
    let told = tokio::select! {
        told = tokio::time::timeout(longest, said(asked, packed, run)) => told,
        () = run.stopped() => return Ok(Heard::Interrupted("it was stopped".into())),
    };
    let Ok(told) = told else {
        return Ok(Heard::Died(format!("it took longer than {} s", longest.as_secs())));
    };
    match told {
        Ok(Some(answer)) => return Ok(Heard::Answer(answer)),
        Ok(None) => {}
        Err(error) => return Ok(Heard::Died(format!("what it says makes no sense: {error}"))),
    }
    match ended(&mut fate).await {
        None => Ok(Heard::Interrupted("the process that starts calculations is gone".into())),
        Some(fate) => match fate.cause(nursery.bounds()) {
            Cause::Own(why) => Ok(Heard::Died(why)),
            Cause::Another(why) => Ok(Heard::Interrupted(why)),
            Cause::Machine(why) => Err(why),
        },
    }
}

/// Asks, and hears until the end; nothing where the process ends without a word.
async fn said(asked: UnixStream, packed: Vec<u8>, run: &Run) -> io::Result<Option<Answer>> {
    let (mut from, mut to) = asked.into_split();
    let asking = async {
        // A process that reads no more is heard of by its end. The socket stays open: its answer comes that way.
        let _ = frames::send(&mut to, &packed).await;
        drop(packed);
        std::future::pending::<()>().await;
    };
    let hearing = async {
        loop {
            match frames::hear(&mut from).await {
                Ok(Some(Said::Progress(part))) => run.note(part),
                Ok(Some(Said::Answer(answer))) => return Ok(Some(answer)),
                Ok(None) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    };
    tokio::select! {
        () = asking => Ok(None),
        answer = hearing => answer,
    }
}

/// How the process ended; nothing where the nursery went with it.
async fn ended(fate: &mut UnixStream) -> Option<Fate> {
    let mut told = Vec::new();
    let mut telling = fate.take(LONGEST_FATE);
    tokio::time::timeout(PATIENCE, telling.read_to_end(&mut told)).await.ok()?.ok()?;
    serde_json::from_slice(&told).ok()
}
