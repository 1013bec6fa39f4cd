//! What this process can still do after its start: the files, ports and system calls of a gateway, and no others. The
//! process of one calculation can do less: no file, no socket, and the few calls that computing takes.
//!
//! Landlock bounds files and TCP, seccomp bounds system calls. Landlock binds the thread that enters and those that
//! it starts from then on, so the process enters before its runtimes do; seccomp is put on every thread.

mod calls;
mod files;
mod reach;

use metrics::gauge;

pub use self::reach::{Reach, outbound_ports};
use crate::config::Sandbox;

/// Whether a layer could be had where all were demanded.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Landlock itself failed.
    #[error("the files of this process cannot be bounded: {0}")]
    Files(#[from] landlock::RulesetError),
    /// seccomp itself failed.
    #[error("the system calls of this process cannot be bounded: {0}")]
    Calls(String),
    /// The kernel does not have it.
    #[error(
        "[gateway] sandbox = \"enforce\", but this kernel does not bound {0}; take a kernel with Landlock (6.7 for \
         network, lsm=landlock at boot) and seccomp, or say \"best-effort\""
    )]
    Lacking(String),
}

/// The layers in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InForce {
    /// Which files may be read and written.
    pub files: bool,
    /// Which ports may be connected to; none may be bound.
    pub network: bool,
    /// Which system calls are made.
    pub system_calls: bool,
}

/// On whom a filter of system calls is put; Landlock always binds the thread that enters, and its children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Span {
    Process,
    Thread,
}

/// Bounds this process, and tells in the log how far.
///
/// # Errors
/// [`SandboxError`], where `enforce` demands what cannot be had.
pub fn enter(wanted: Sandbox, reach: &Reach) -> Result<InForce, SandboxError> {
    if wanted == Sandbox::Off {
        tracing::warn!("[gateway] sandbox = \"off\": this process may do whatever its user may");
        return Ok(InForce::default());
    }
    let in_force = bound(reach, Span::Process, wanted)?;
    let InForce { files, network, system_calls } = in_force;
    match in_force.lacking() {
        lacking if lacking.is_empty() => {
            tracing::info!(files, network, system_calls, ports = ?reach.connects, "the process is bounded");
        }
        lacking if wanted == Sandbox::Enforce => return Err(SandboxError::Lacking(lacking.join(", "))),
        lacking => tracing::warn!(files, network, system_calls, ?lacking, "the process is bounded in part"),
    }
    Ok(in_force)
}

/// What this kernel would give; tried on a thread that ends at once.
pub fn available() -> InForce {
    let tried = std::thread::spawn(|| {
        bound(&Reach::default(), Span::Thread, Sandbox::BestEffort).unwrap_or_default()
    });
    tried.join().unwrap_or_default()
}

/// Leaves this thread, and those that it starts, what computing takes and nothing else.
///
/// # Errors
/// [`SandboxError`], where `enforce` demands what cannot be had.
pub fn enclose(wanted: Sandbox) -> Result<InForce, SandboxError> {
    if wanted == Sandbox::Off {
        return Ok(InForce::default());
    }
    let in_force = layers(wanted, || files::bound(&Reach::default()), calls::enclose)?;
    // Without calls that open anything, files and network are as good as bounded.
    match in_force.lacking() {
        lacking if in_force.system_calls || wanted != Sandbox::Enforce || lacking.is_empty() => Ok(in_force),
        lacking => Err(SandboxError::Lacking(lacking.join(", "))),
    }
}

fn bound(reach: &Reach, span: Span, wanted: Sandbox) -> Result<InForce, SandboxError> {
    layers(wanted, || files::bound(reach), || calls::bound(span, reach.runs_programs))
}

fn layers(
    wanted: Sandbox,
    files: impl FnOnce() -> Result<InForce, SandboxError>,
    calls: impl FnOnce() -> Result<(), SandboxError>,
) -> Result<InForce, SandboxError> {
    let tolerated = |error: SandboxError| match wanted {
        Sandbox::Enforce => Err(error),
        _ => {
            tracing::warn!(%error, "a layer of the sandbox failed");
            Ok(InForce::default())
        }
    };
    let bounded = files().or_else(tolerated)?;
    let system_calls = match calls() {
        Ok(()) => true,
        Err(error) => tolerated(error)?.system_calls,
    };
    Ok(InForce { system_calls, ..bounded })
}

impl InForce {
    /// The layers that are not, by name.
    pub fn lacking(self) -> Vec<&'static str> {
        let layers = [("files", self.files), ("network", self.network), ("system calls", self.system_calls)];
        layers.into_iter().filter(|(_, held)| !held).map(|(name, _)| name).collect()
    }

    /// Tells it in metrics.
    pub fn tell(self) {
        for (layer, held) in
            [("files", self.files), ("network", self.network), ("system_calls", self.system_calls)]
        {
            gauge!("sandbox", "layer" => layer).set(f64::from(u8::from(held)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind::PermissionDenied;
    use std::net::{TcpListener, TcpStream};
    use std::{fs, io, thread};

    use super::*;

    /// Acts on a thread that has entered; the test's own thread stays free.
    fn inside<T: Send + 'static>(reach: Reach, act: impl FnOnce(InForce) -> T + Send + 'static) -> T {
        let entered = move || act(bound(&reach, Span::Thread, Sandbox::Enforce).unwrap());
        thread::spawn(entered).join().unwrap()
    }

    #[test]
    fn files_beyond_the_reach_are_out_of_it_and_a_link_leads_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["read", "write", "out"] {
            fs::create_dir(path(name)).unwrap();
            fs::write(path(name).join("a"), name).unwrap();
        }
        std::os::unix::fs::symlink(path("out").join("a"), path("read").join("link")).unwrap();
        let reach = Reach { reads: vec![path("read")], writes: vec![path("write")], ..Reach::default() };
        let (read, write, out) = (path("read"), path("write"), path("out"));
        inside(reach, move |held| {
            if !held.files {
                // Nothing to try on this kernel, and it says so.
                return;
            }
            assert_eq!(fs::read_to_string(read.join("a")).unwrap(), "read");
            fs::write(write.join("b"), "b").unwrap();
            fs::rename(write.join("b"), write.join("c")).unwrap();
            let denied = |result: io::Result<()>| {
                assert_eq!(result.unwrap_err().kind(), PermissionDenied);
            };
            denied(fs::write(read.join("a"), "x"));
            denied(fs::read(out.join("a")).map(drop));
            denied(fs::read(read.join("link")).map(drop));
            denied(fs::read("/etc/passwd").map(drop));
            denied(fs::remove_file(out.join("a")));
        });
    }

    #[test]
    fn only_listed_ports_are_connected_to_and_none_is_bound() {
        let (one, other) =
            (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let address = |socket: &TcpListener| socket.local_addr().unwrap();
        let (listed, unlisted) = (address(&one), address(&other));
        let reach = Reach { connects: [listed.port()].into(), ..Reach::default() };
        inside(reach, move |held| {
            TcpStream::connect(listed).unwrap();
            let beyond = TcpStream::connect(unlisted);
            let bound = TcpListener::bind("127.0.0.1:0");
            if held.network {
                assert_eq!(beyond.unwrap_err().kind(), PermissionDenied);
                assert_eq!(bound.unwrap_err().kind(), PermissionDenied);
            }
        });
    }

    #[test]
    fn no_program_is_started_no_root_changed_no_packet_socket_opened() {
        let reach = Reach { reads: vec!["/".into()], ..Reach::default() };
        inside(reach, |held| {
            assert!(held.system_calls, "every kernel that we know has seccomp");
            let started = std::process::Command::new("/bin/true").status();
            assert_eq!(started.unwrap_err().kind(), PermissionDenied);
            assert_eq!(rustix::process::chroot("/").unwrap_err(), rustix::io::Errno::PERM);
            let packets =
                rustix::net::socket(rustix::net::AddressFamily::PACKET, rustix::net::SocketType::DGRAM, None);
            assert_eq!(packets.unwrap_err(), rustix::io::Errno::PERM);
            // Threads are not processes.
            assert_eq!(thread::spawn(|| 1).join().unwrap(), 1);
        });
    }

    #[test]
    fn a_calculation_opens_no_file_and_no_socket_asks_nobody_and_computes_on_several_threads() {
        let folder = tempfile::tempdir().unwrap();
        let (file, opened) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&file, "a").unwrap();
        let mut open = fs::File::create(&opened).unwrap();
        let entered = thread::spawn(move || {
            enclose(Sandbox::Enforce).unwrap();
            let denied = |error: io::Error| assert_eq!(error.kind(), PermissionDenied, "{error}");
            denied(fs::read(&file).unwrap_err());
            denied(fs::write(file.with_extension("x"), "x").unwrap_err());
            denied(fs::metadata(&file).unwrap_err());
            denied(TcpListener::bind("127.0.0.1:0").unwrap_err());
            denied(TcpStream::connect("127.0.0.1:1").unwrap_err());
            denied(std::os::unix::net::UnixStream::pair().unwrap_err());
            denied(std::process::Command::new("/bin/true").status().unwrap_err());
            let other =
                rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::CONT);
            assert_eq!(other.unwrap_err(), rustix::io::Errno::PERM);
            // What it was given stays.
            io::Write::write_all(&mut open, b"said").unwrap();
            let much = vec![1_u8; 64 << 20];
            let sums = (0..4).map(|part| {
                let part = much[part << 24..][..1 << 24].to_vec();
                thread::Builder::new()
                    .name("sum".into())
                    .spawn(move || part.iter().map(|x| u64::from(*x)).sum::<u64>())
            });
            let sums: Vec<_> = sums.map(|sum| sum.unwrap()).collect();
            sums.into_iter().map(|sum| sum.join().unwrap()).sum::<u64>()
        });
        assert_eq!(entered.join().unwrap(), 64 << 20);
        assert_eq!(fs::read_to_string(opened).unwrap(), "said");
    }

    #[test]
    fn what_watching_needs_is_left_to_it() {
        let reach = Reach { reads: vec!["/".into()], runs_programs: true, ..Reach::default() };
        assert!(inside(reach, |_| std::process::Command::new("/bin/true").status()).unwrap().success());
    }
}
