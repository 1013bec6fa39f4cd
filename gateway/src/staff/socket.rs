//! The Unix socket between `aops admin` and the running gateway: one JSON line asks, one JSON line answers.
//!
//! Only the gateway's own user and root are heard: the file is 0600, and the kernel tells who connects
//! (SO_PEERCRED).

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use crate::app::SharedApp;
use crate::audit::Actor;
use crate::handover::{self, Offer};
use crate::staff::{Command, perform};

/// The longest command, in bytes.
const COMMAND_LIMIT: u64 = 1024 * 1024;
/// The longest answer, in bytes.
const ANSWER_LIMIT: u64 = 256 * 1024 * 1024;
/// How long each side waits for the other's line.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an answer is waited for: a backup or a roll of all keys takes its time.
const LONGEST_WORK: Duration = Duration::from_secs(3_600);
/// How long to rest when the system refuses a connection (out of descriptors).
const REST: Duration = Duration::from_millis(100);

/// Why a command got no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No gateway runs on this data folder: the command may be done on the store.
    #[error("no gateway runs here")]
    NotRunning,
    /// The gateway refused the command.
    #[error("{0}")]
    Refused(String),
    /// The socket failed on the way.
    #[error("{path}: {source}")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Ok(Value),
    Error(String),
}

/// Hears commands until `stop` says so, then removes the socket.
pub async fn serve(app: SharedApp, path: PathBuf, offer: Offer, mut stop: watch::Receiver<bool>) {
    let (listener, owner) = match listen(&path) {
        Ok(listening) => listening,
        Err(error) => {
            tracing::error!(path = %path.display(), %error, "admin commands cannot be heard");
            return;
        }
    };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stopping| *stopping) => break,
        };
        match accepted {
            Ok((stream, _)) => {
                tokio::spawn(hear(app.clone(), stream, owner, offer.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "an admin command could not be heard");
                tokio::time::sleep(REST).await;
            }
        }
    }
    // It may be gone already; then there is nothing to remove.
    let _ = fs::remove_file(&path);
}

/// Asks the running gateway.
///
/// # Errors
/// [`CallError::NotRunning`] when none listens: no socket, or one that a killed gateway left behind.
pub async fn call(path: &Path, command: &Command) -> Result<Value, CallError> {
    let failed = |source: io::Error| CallError::Socket { path: path.to_owned(), source };
    let mut stream = match UnixStream::connect(path).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Err(CallError::NotRunning);
        }
        Err(error) => return Err(failed(error)),
    };
    let mut line = serde_json::to_vec(command).map_err(|error| CallError::Refused(error.to_string()))?;
    line.push(b'\n');
    stream.write_all(&line).await.map_err(failed)?;
    let answer = read_line(&mut stream, ANSWER_LIMIT, LONGEST_WORK).await.map_err(failed)?;
    match serde_json::from_str(&answer) {
        Ok(Answer::Ok(value)) => Ok(value),
        Ok(Answer::Error(why)) => Err(CallError::Refused(why)),
        Err(error) => Err(failed(io::Error::other(error))),
    }
}

/// Whether a gateway listens there.
pub async fn answers(path: &Path) -> bool {
    UnixStream::connect(path).await.is_ok()
}

/// The listener and its user. The socket is made under another name and moved into place, so that it never
/// stands open to others, and one left by a killed gateway is replaced.
fn listen(path: &Path) -> io::Result<(UnixListener, u32)> {
    let new = path.with_extension("sock.new");
    if new.exists() {
        fs::remove_file(&new)?;
    }
    let listener = UnixListener::bind(&new)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600))?;
    let owner = fs::metadata(&new)?.uid();
    fs::rename(&new, path)?;
    Ok((listener, owner))
}

async fn hear(app: SharedApp, mut stream: UnixStream, owner: u32, offer: Offer) {
    let peer = stream.peer_cred().map(|peer| peer.uid());
    let Some(uid) = peer.ok().filter(|uid| *uid == owner || *uid == 0) else {
        tracing::warn!("an admin command of another user was refused");
        return;
    };
    let answer = match read_line(&mut stream, COMMAND_LIMIT, PATIENCE).await {
        Ok(line) if line.trim_end() == handover::REQUEST => {
            drop(app);
            if let Err(error) = offer.answer(stream).await {
                tracing::warn!(%error, "the sockets were not handed over; this gateway serves on");
            }
            return;
        }
        Ok(line) => match serde_json::from_str::<Command>(&line) {
            Ok(command) => match perform(&app, Actor::operator(uid), command).await {
                Ok(value) => Answer::Ok(value),
                Err(error) => Answer::Error(error.to_string()),
            },
            // serde's message may quote what was sent, a password among it.
            Err(_) => {
                Answer::Error("the gateway does not know this command; is it of the same version?".into())
            }
        },
        Err(error) => Answer::Error(error.to_string()),
    };
    let Ok(mut line) = serde_json::to_vec(&answer) else {
        return;
    };
    line.push(b'\n');
    match tokio::time::timeout(PATIENCE, stream.write_all(&line)).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) | Err(_) => tracing::warn!("an admin command's answer was not read"),
    }
}

async fn read_line(stream: &mut UnixStream, limit: u64, patience: Duration) -> io::Result<String> {
    let mut line = String::new();
    let mut reader = BufReader::new(stream.take(limit));
    let read = tokio::time::timeout(patience, reader.read_line(&mut line)).await;
    read.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no whole line came in time"))??;
    if !line.ends_with('\n') {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the line is cut short or too long"));
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::SignedDuration;

    use super::*;
    use crate::edge::sockets::Sockets;
    use crate::testing;

    /// A socket that is heard, and what stops it.
    async fn heard(folder: &Path) -> (PathBuf, watch::Sender<bool>, tokio::task::JoinHandle<()>) {
        let app = Arc::new(testing::app(folder, SignedDuration::ZERO).await);
        let path = folder.join("admin.sock");
        let (stopping, stopped) = watch::channel(false);
        let free = "127.0.0.1:0";
        let config = serde_json::json!({ "hosts": [], "https": free, "http": free, "operations": free });
        let sockets = Sockets::open(&serde_json::from_value(config).unwrap()).unwrap();
        let (offer, _) = Offer::new(Arc::new(sockets));
        let serving = tokio::spawn(serve(app, path.clone(), offer, stopped));
        while UnixStream::connect(&path).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (path, stopping, serving)
    }

    #[tokio::test]
    async fn a_command_over_the_socket_is_answered_and_only_its_owner_may_open_it() {
        let folder = tempfile::tempdir().unwrap();
        let (path, stopping, serving) = heard(folder.path()).await;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(call(&path, &Command::AccountList).await.unwrap(), serde_json::json!([]));
        let unknown = Command::ApikeyCreate { account: "nobody@example.com".into() };
        let refused = call(&path, &unknown).await.unwrap_err();
        assert!(
            matches!(&refused, CallError::Refused(why) if why.contains("nobody@example.com")),
            "{refused}"
        );
        stopping.send(true).unwrap();
        serving.await.unwrap();
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn no_socket_and_one_left_behind_mean_that_no_gateway_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        assert!(matches!(call(&path, &Command::AccountList).await, Err(CallError::NotRunning)));
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        assert!(matches!(call(&path, &Command::AccountList).await, Err(CallError::NotRunning)));
        // And a gateway that starts takes its place.
        let (path, _stopping, _serving) = heard(folder.path()).await;
        assert!(call(&path, &Command::BanList).await.is_ok());
    }

    #[tokio::test]
    async fn nonsense_and_an_endless_line_are_refused_and_the_next_command_is_heard() {
        let folder = tempfile::tempdir().unwrap();
        let (path, _stopping, _serving) = heard(folder.path()).await;
        for line in [b"nonsense\n".to_vec(), vec![b'x'; COMMAND_LIMIT as usize + 10]] {
            let mut stream = UnixStream::connect(&path).await.unwrap();
            // The gateway may close before all of an endless line is written.
            let _ = stream.write_all(&line).await;
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer).await;
            assert!(!answer.contains("ok"), "{answer}");
        }
        assert!(call(&path, &Command::BanList).await.is_ok());
    }
}
