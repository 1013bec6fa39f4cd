//! The process from which those of calculations are started: a handle on it, for the gateway, and what it does.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use rustix::process::{
    Resource, Rlimit, Signal, getpid, getrlimit, set_parent_process_death_signal, setrlimit,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::signal::unix::{SignalKind, signal};

use super::Bounds;
use super::fate::Fate;

/// This program, also once its file was replaced.
const THIS: &str = "/proc/self/exe";
/// The name of the command that is a nursery; that of a calculation is [`CALCULATION`].
const NURSERY: &str = "nursery";
const CALCULATION: &str = "calculation";

/// A handle on the nursery; it goes with the last one.
#[derive(Debug, Clone)]
pub struct Nursery(Arc<Running>);

#[derive(Debug)]
struct Running {
    asks: UnixStream,
    process: Mutex<Child>,
    bounds: Bounds,
}

/// A calculation's process, from the outside. It is killed once `fate` is closed.
#[derive(Debug)]
pub(super) struct Born {
    /// On which it is asked and answers.
    pub(super) asked: tokio::net::UnixStream,
    /// On which the nursery tells how it ended.
    pub(super) fate: tokio::net::UnixStream,
}

impl Nursery {
    /// Starts one, from the thread that lives as long as this process: it goes with that thread.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(bounds: Bounds) -> io::Result<Self> {
        let (asks, heard) = UnixStream::pair()?;
        let process = command(NURSERY, &bounds)?
            // What is typed at a terminal is meant for the gateway.
            .process_group(0)
            .stdin(OwnedFd::from(heard))
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self(Arc::new(Running { asks, process: Mutex::new(process), bounds })))
    }

    /// Asks for a process; that it could not be started is told as its fate.
    ///
    /// # Errors
    /// What the system says; in particular when the nursery is gone.
    pub(super) fn bear(&self) -> io::Result<Born> {
        let (asked, its) = UnixStream::pair()?;
        let (fate, told) = UnixStream::pair()?;
        let sockets = [its.as_fd(), told.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(&sockets)) {
            return Err(io::Error::other("two sockets do not fit into a message"));
        }
        let sent = sendmsg(
            &self.0.asks,
            &[IoSlice::new(b"+")],
            &mut control,
            SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
        );
        sent?;
        let ours = |stream: UnixStream| {
            stream.set_nonblocking(true)?;
            tokio::net::UnixStream::from_std(stream)
        };
        Ok(Born { asked: ours(asked)?, fate: ours(fate)? })
    }

    /// What it lets each process have.
    pub(super) fn bounds(&self) -> &Bounds {
        &self.0.bounds
    }

    /// Fails once it has ended: nothing here can start another.
    ///
    /// # Errors
    /// How it ended.
    pub(in crate::calculations) fn alive(&self) -> Result<(), String> {
        let ended = self.0.process.lock().unwrap_or_else(PoisonError::into_inner).try_wait();
        metrics::gauge!("calculations_nursery").set(f64::from(u8::from(matches!(ended, Ok(None)))));
        match ended {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!(
                "the process that starts calculations has ended ({status}): they wait until this one is started again"
            )),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It ends by itself once nobody can ask any more; Landlock lets this process send it no signal.
        let _ = self.asks.shutdown(std::net::Shutdown::Both);
    }
}

/// What a nursery does: starts processes as it is asked, until nobody is there to ask.
///
/// # Errors
/// What keeps it from being one.
pub fn run(bounds: Bounds) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Those that it starts have it from their first instruction on, and so has this process once it has begun anew: an
    // allocator that has taken much before would take more than is left.
    let bytes = Some(bounds.memory_mib << 20);
    if getrlimit(Resource::Data).maximum != bytes {
        setrlimit(Resource::Data, Rlimit { current: bytes, maximum: bytes })?;
        return Err(command(NURSERY, &bounds)?.exec());
    }
    let asked = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    asked.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let asked = tokio::net::UnixStream::from_std(asked)?;
        loop {
            let Some(given) = asked.async_io(Interest::READABLE, || receive(&asked)).await? else {
                return Ok(());
            };
            // Where two did not arrive whole, the other side reads the end of its own.
            if let Ok([its, told]) = <[OwnedFd; 2]>::try_from(given) {
                tokio::spawn(one(bounds, its, UnixStream::from(told)));
            }
        }
    })
}

/// A process, from its start to its end.
async fn one(bounds: Bounds, its: OwnedFd, told: UnixStream) -> io::Result<()> {
    told.set_nonblocking(true)?;
    let mut told = tokio::net::UnixStream::from_std(told)?;
    let fate = match start(bounds, its) {
        Ok(mut process) => match until_its_end(&mut process, &mut told).await {
            Ok(fate) => fate,
            Err(error) => {
                // Nobody would look after it.
                process.kill()?;
                process.wait()?;
                Fate::Unborn(error.to_string())
            }
        },
        Err(error) => Fate::Unborn(error.to_string()),
    };
    told.write_all(&serde_json::to_vec(&fate)?).await
}

fn start(bounds: Bounds, its: OwnedFd) -> io::Result<Child> {
    let parent = getpid().as_raw_nonzero().to_string();
    command(CALCULATION, &bounds)?.arg(parent).stdin(its).stdout(Stdio::null()).spawn()
}

async fn until_its_end(process: &mut Child, told: &mut tokio::net::UnixStream) -> io::Result<Fate> {
    // Heard first, then looked: no end is missed.
    let mut ends = signal(SignalKind::child())?;
    let mut wanted = true;
    loop {
        if let Some(status) = process.try_wait()? {
            return Ok(Fate::of(status));
        }
        tokio::select! {
            _ = ends.recv() => {}
            // Nothing is ever written there: nobody waits for it any more.
            _ = told.read_u8(), if wanted => {
                wanted = false;
                process.kill()?;
            }
        }
    }
}

/// The two sockets of the next calculation; nothing once nobody asks any more.
fn receive(from: &tokio::net::UnixStream) -> io::Result<Option<Vec<OwnedFd>>> {
    let mut word = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let parts = &mut [IoSliceMut::new(&mut word)];
    if recvmsg(from, parts, &mut control, RecvFlags::CMSG_CLOEXEC)?.bytes == 0 {
        return Ok(None);
    }
    let mut sockets = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(given) = message {
            sockets.extend(given);
        }
    }
    Ok(Some(sockets))
}

/// This program as another process, which knows nothing of our secrets.
fn command(name: &str, bounds: &Bounds) -> io::Result<Command> {
    let mut command = Command::new(THIS);
    command.arg(name).arg(serde_json::to_string(bounds)?).env_clear().current_dir("/");
    if let Ok(cores) = std::thread::available_parallelism() {
        // A calculation cannot read what a container is given.
        command.env("RAYON_NUM_THREADS", cores.to_string());
    }
    Ok(command)
}
