//! What the service manager is told of this process (sd_notify(3)); without one, nothing happens.

use sd_notify::NotifyState;

/// It answers; also after a reload.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// It reads its configuration again.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// It lets open requests end.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Whether a service manager watches over this process: it would take the end of it for the end of the service.
pub fn watches() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}
