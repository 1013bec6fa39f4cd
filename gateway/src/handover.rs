//! Handing the listening sockets to the gateway that follows, over the staff's socket, so that no connection is
//! refused in between.
//!
//! ```text
//! follower                      gateway that serves
//!   hand-over ────────────────▶
//!             ◀──────────────── names, and the sockets with them (SCM_RIGHTS); it serves on
//!   take ─────────────────────▶ it accepts no more; new connections wait in the sockets; open requests end
//!             ◀──────────────── free: the store is closed
//!   serving ──────────────────▶ it ends
//! ```
//! Whichever side goes away, the other notices by the end of the stream: before `take` nothing has changed, and a
//! follower that dies afterwards leaves the sockets to the gateway, which starts again on them.

use std::io::{self, BufRead, BufReader, IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, Interest};
use tokio::sync::mpsc;

use crate::config::GatewayConfig;
use crate::edge::sockets::Sockets;
use crate::supervisor;

/// What the follower asks; a line of its own among the staff's commands.
pub const REQUEST: &str = r#"{"command":"hand-over"}"#;
/// How long the follower may take to say that it takes them.
const DECISION: Duration = Duration::from_secs(60);
/// How long the gateway that serves may take to answer, and the follower to open the store.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long open requests may hold the follower up: the longest `drain_seconds`, and what closing takes.
const RELIEF: Duration = Duration::from_secs(660);
/// Sockets in one message, at most (SCM_MAX_FD).
const MOST: usize = 253;

/// Why a gateway does not follow another.
#[derive(Debug, thiserror::Error)]
pub enum HandOverError {
    /// The other refused.
    #[error("the running gateway does not hand over: {0}")]
    Refused(String),
    /// The stream failed.
    #[error("the running gateway could not be followed: {0}; it serves on")]
    Stream(#[from] io::Error),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Ok(Vec<String>),
    Error(String),
}

/// What a gateway that serves offers to whoever follows.
#[derive(Debug, Clone)]
pub struct Offer {
    sockets: Arc<Sockets>,
    taken: mpsc::Sender<Successor>,
}

/// The follower, once it has taken the sockets.
#[derive(Debug)]
pub struct Successor(UnixStream);

/// The gateway that served before.
#[derive(Debug)]
pub struct Predecessor(BufReader<UnixStream>);

impl Offer {
    /// An offer of these sockets, and where it is told that they were taken.
    pub fn new(sockets: Arc<Sockets>) -> (Self, mpsc::Receiver<Successor>) {
        let (taken, told) = mpsc::channel(1);
        (Self { sockets, taken }, told)
    }

    /// Answers a follower; nothing changes unless it takes them.
    ///
    /// # Errors
    /// What the system says of the stream.
    pub async fn answer(self, mut stream: tokio::net::UnixStream) -> io::Result<()> {
        if supervisor::watches() {
            let why = "the service manager would take its end for the end of the service; say `systemctl restart \
                       aops`, which refuses no connection where systemd holds the sockets";
            return send(&stream, &Answer::Error(why.into()), &[]).await;
        }
        let (names, sockets): (Vec<_>, Vec<_>) =
            self.sockets.named().map(|(name, socket)| (name.to_owned(), socket.as_fd())).unzip();
        if sockets.len() > MOST {
            return send(&stream, &Answer::Error(format!("{} sockets are too many", sockets.len())), &[])
                .await;
        }
        send(&stream, &Answer::Ok(names), &sockets).await?;
        let mut word = [0; 5];
        let decided = tokio::time::timeout(DECISION, stream.read_exact(&mut word)).await;
        if !matches!(decided, Ok(Ok(_))) || &word != b"take\n" {
            tracing::warn!("a gateway that was to follow went away; this one serves on");
            return Ok(());
        }
        let stream = stream.into_std()?;
        stream.set_nonblocking(false)?;
        if self.taken.try_send(Successor(stream)).is_err() {
            tracing::warn!("two gateways wanted to follow; one was first");
        }
        Ok(())
    }
}

impl Successor {
    /// Says that the store is free and waits until the follower serves; whether it does.
    pub fn relieve(mut self) -> bool {
        let told = self.0.set_read_timeout(Some(PATIENCE)).and_then(|()| self.0.write_all(b"free\n"));
        let mut word = String::new();
        told.and_then(|()| BufReader::new(&self.0).read_line(&mut word)).is_ok() && word == "serving\n"
    }
}

/// Listening sockets, by name.
pub type Given = Vec<(String, TcpListener)>;

/// Asks the gateway of a data folder for its sockets; none when none runs.
///
/// # Errors
/// [`HandOverError`]; the gateway serves on.
pub fn ask(data: &Path) -> Result<Option<(Given, Predecessor)>, HandOverError> {
    let mut stream = match UnixStream::connect(data.join("admin.sock")) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{REQUEST}\n").as_bytes())?;
    let (line, sockets) = receive(&stream)?;
    let names = match serde_json::from_slice(&line) {
        Ok(Answer::Ok(names)) => names,
        Ok(Answer::Error(why)) => return Err(HandOverError::Refused(why)),
        Err(error) => return Err(HandOverError::Refused(error.to_string())),
    };
    if names.len() != sockets.len() {
        return Err(HandOverError::Refused(format!("{} names, {} sockets", names.len(), sockets.len())));
    }
    let sockets = names.into_iter().zip(sockets.into_iter().map(TcpListener::from)).collect();
    Ok(Some((sockets, Predecessor(BufReader::new(stream)))))
}

impl Predecessor {
    /// Takes the sockets, and waits until the store is free.
    ///
    /// # Errors
    /// The gateway that served did not let go in time.
    pub fn take(&mut self) -> Result<(), HandOverError> {
        self.0.get_mut().write_all(b"take\n")?;
        self.0.get_ref().set_read_timeout(Some(RELIEF))?;
        // The end of the stream is the end of the process, and the store is free as well.
        self.0.read_line(&mut String::new())?;
        Ok(())
    }

    /// Says that this process serves.
    pub fn serving(mut self) {
        // Who has gone need not be told.
        let _ = self.0.get_mut().write_all(b"serving\n");
    }
}

/// Of the sockets handed over, those that the configuration still wants.
pub fn still_wanted(given: Given, gateway: &GatewayConfig) -> Given {
    let wanted = |(name, socket): &(String, TcpListener)| {
        let configured = match name.as_str() {
            "https" => gateway.https,
            "http" => gateway.http,
            _ => gateway.operations,
        };
        let same = |address: std::net::SocketAddr| {
            address.ip() == configured.ip() && (configured.port() == 0 || address.port() == configured.port())
        };
        socket.local_addr().is_ok_and(same)
    };
    given.into_iter().filter(wanted).collect()
}

async fn send(
    stream: &tokio::net::UnixStream,
    answer: &Answer,
    sockets: &[std::os::fd::BorrowedFd<'_>],
) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    let mut sent = 0;
    while sent < line.len() {
        let once = || {
            let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            // They go with the first byte.
            if sent == 0 && !sockets.is_empty() && !control.push(SendAncillaryMessage::ScmRights(sockets)) {
                return Err(io::Error::other("the sockets do not fit into a message"));
            }
            Ok(sendmsg(stream, &[IoSlice::new(&line[sent..])], &mut control, SendFlags::NOSIGNAL)?)
        };
        sent += stream.async_io(Interest::WRITABLE, once).await?;
    }
    Ok(())
}

/// A line, and the sockets that came with it.
fn receive(stream: &UnixStream) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let (mut line, mut sockets) = (Vec::new(), Vec::new());
    let mut part = [0; 4096];
    while !line.ends_with(b"\n") {
        let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let parts = &mut [IoSliceMut::new(&mut part)];
        let read = recvmsg(stream, parts, &mut control, RecvFlags::CMSG_CLOEXEC)?.bytes;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(given) = message {
                sockets.extend(given);
            }
        }
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it went away before it answered"));
        }
        line.extend_from_slice(&part[..read]);
    }
    Ok((line, sockets))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn gateway() -> GatewayConfig {
        let free = "127.0.0.1:0";
        let config = serde_json::json!({ "hosts": [], "https": free, "http": free, "operations": free });
        serde_json::from_value(config).unwrap()
    }

    /// A gateway that hears one follower.
    fn heard(folder: &Path) -> (Arc<Sockets>, mpsc::Receiver<Successor>, std::thread::JoinHandle<()>) {
        let sockets = Arc::new(Sockets::open(&gateway()).unwrap());
        let (offer, taken) = Offer::new(Arc::clone(&sockets));
        let listener = std::os::unix::net::UnixListener::bind(folder.join("admin.sock")).unwrap();
        let hearing = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = [0; REQUEST.len() + 1];
            stream.read_exact(&mut line).unwrap();
            assert_eq!(&line[..REQUEST.len()], REQUEST.as_bytes());
            stream.set_nonblocking(true).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                offer.answer(tokio::net::UnixStream::from_std(stream).unwrap()).await.unwrap();
            });
        });
        (sockets, taken, hearing)
    }

    #[test]
    fn what_is_handed_over_is_the_same_sockets_and_each_side_hears_of_the_other() {
        let folder = tempfile::tempdir().unwrap();
        assert!(ask(folder.path()).unwrap().is_none(), "none runs");
        let (sockets, mut taken, hearing) = heard(folder.path());
        let (given, mut before) = ask(folder.path()).unwrap().unwrap();
        let addresses = |sockets: &Sockets| -> Vec<_> {
            sockets.named().map(|(name, socket)| (name, socket.local_addr().unwrap())).collect()
        };
        let followed = Sockets::complete(given, &gateway()).unwrap();
        assert_eq!(addresses(&followed), addresses(&sockets));
        let successor = std::thread::spawn(move || {
            hearing.join().unwrap();
            taken.blocking_recv().unwrap().relieve()
        });
        before.take().unwrap();
        before.serving();
        assert!(successor.join().unwrap());
    }

    #[test]
    fn a_follower_that_goes_away_has_taken_nothing_or_leaves_the_sockets() {
        let folder = tempfile::tempdir().unwrap();
        let (_sockets, mut taken, hearing) = heard(folder.path());
        drop(ask(folder.path()).unwrap());
        hearing.join().unwrap();
        assert!(taken.blocking_recv().is_none());

        let folder = tempfile::tempdir().unwrap();
        let (_sockets, mut taken, hearing) = heard(folder.path());
        let (_, before) = ask(folder.path()).unwrap().unwrap();
        before.0.get_ref().write_all(b"take\n").unwrap();
        hearing.join().unwrap();
        drop(before);
        assert!(!taken.blocking_recv().unwrap().relieve());
    }

    #[test]
    fn a_socket_that_the_new_configuration_moves_is_not_kept() {
        let given = || vec![("https".to_owned(), TcpListener::bind("127.0.0.1:0").unwrap())];
        assert_eq!(still_wanted(given(), &gateway()).len(), 1);
        let mut moved = gateway();
        moved.https.set_port(1);
        assert!(still_wanted(given(), &moved).is_empty());
    }
}
