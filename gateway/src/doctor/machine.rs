//! What is wrong with the machine: folders and their modes, room, ports, the store, descriptors.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::config::{Environment, Sandbox, Settings};
use crate::edge::sockets;
use crate::sandbox;
use crate::store::RedbStore;

/// Below so many free bytes a site with a newsletter soon has none.
const LEAST_ROOM: u64 = 1 << 30;
/// Descriptors beside those of connections: files, store, peers.
const OTHER_DESCRIPTORS: u64 = 256;

pub(super) fn data(settings: &Settings, running: bool, found: &mut impl FnMut(&'static str, String)) {
    let folder = &settings.data;
    let Ok(metadata) = fs::metadata(folder) else { return };
    let mut open = |path: &std::path::Path, kind: &str| {
        let Ok(metadata) = fs::metadata(path) else { return };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let right = if metadata.is_dir() { "700" } else { "600" };
            found(
                "data",
                format!("the {kind} {} is open to others (mode {mode:o}); chmod {right}", path.display()),
            );
        }
    };
    open(folder, "data folder");
    open(&folder.join("master.key"), "key");
    if let Ok(room) = rustix::fs::statvfs(folder) {
        let free = room.f_bavail.saturating_mul(room.f_frsize);
        if free < LEAST_ROOM {
            found("data", format!("{} MiB are free in {}; make room", free >> 20, folder.display()));
        }
    }
    // Beside a gateway that runs, nothing is written.
    if !running && metadata.permissions().readonly() {
        found("data", format!("{} cannot be written", folder.display()));
    }
    let ahead =
        metadata.modified().ok().and_then(|time| time.duration_since(std::time::SystemTime::now()).ok());
    if let Some(ahead) = ahead.filter(|ahead| ahead.as_secs() > 60) {
        let hours = ahead.as_secs() / 3_600;
        found(
            "clock",
            format!("the data folder was last changed {hours} h in the future; the clock was set back"),
        );
    }
}

pub(super) fn limits(settings: &Settings, found: &mut impl FnMut(&'static str, String)) {
    // The gateway raises its own limit as far as it may.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let needed = (settings.gateway.connections.total as u64).saturating_add(OTHER_DESCRIPTORS);
    if limit.is_some_and(|limit| limit < needed) {
        let limit = limit.unwrap_or_default();
        found(
            "limits",
            format!(
                "{limit} descriptors are allowed where [gateway.connections] total may take {needed}; raise LimitNOFILE, or lower total"
            ),
        );
    }
}

/// What the kernel does not bound matters once real visitors come, or where it is demanded.
pub(super) fn sandbox(settings: &Settings, found: &mut impl FnMut(&'static str, String)) {
    let real = settings.environment == Environment::Production;
    match settings.gateway.sandbox {
        Sandbox::Off if real => {
            found("sandbox", "[gateway] sandbox = \"off\"; say \"best-effort\" or \"enforce\"".into());
        }
        Sandbox::BestEffort if !real => {}
        Sandbox::Off => {}
        Sandbox::BestEffort | Sandbox::Enforce => {
            let lacking = sandbox::available().lacking();
            if !lacking.is_empty() {
                found(
                    "sandbox",
                    format!(
                        "this kernel does not bound: {}; Linux 6.7 with Landlock does",
                        lacking.join(", ")
                    ),
                );
            }
        }
    }
}

pub(super) fn ports(settings: &Settings, found: &mut impl FnMut(&'static str, String)) {
    let gateway = &settings.gateway;
    for (name, address) in
        [("https", gateway.https), ("http", gateway.http), ("operations", gateway.operations)]
    {
        if let Err(error) = sockets::free(name, address) {
            found("ports", error.to_string());
        }
    }
    let Some(quic) = gateway.http3 else { return };
    if !cfg!(feature = "http3") {
        found(
            "http3",
            format!("[gateway] http3 = \"{quic}\": this binary is built without `--features http3`"),
        );
    } else if let Err(error) = std::net::UdpSocket::bind(quic) {
        found("ports", format!("http3: {quic} (UDP): {error}"));
    }
}

pub(super) fn store(settings: &Settings, found: &mut impl FnMut(&'static str, String)) {
    let path = settings.data.join("aops.redb");
    if !path.exists() {
        return;
    }
    if let Err(error) = RedbStore::open(&path, settings.clock) {
        found("store", error.to_string());
    }
}
