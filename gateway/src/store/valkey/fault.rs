//! What the server's failures mean to whoever asked.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::store::StoreError;

/// A failure, and whether the same may be asked again at once.
pub(super) enum Fault {
    /// It passes by itself: a connection that broke, a node that starts or takes another's place.
    Passing(StoreError),
    /// Asking again would not help.
    Lasting(StoreError),
}

impl Fault {
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Passing(error) | Self::Lasting(error) => error,
        }
    }
}

/// What the server, or the way to it, says.
pub(super) fn of(error: &RedisError) -> Fault {
    let told = error.to_string();
    if error.is_timeout() {
        return Fault::Lasting(StoreError::Slow(told));
    }
    match (error.code(), error.kind()) {
        (Some("OOM"), _) => Fault::Lasting(StoreError::Full(told)),
        (Some("MISCONF"), _) if told.contains("No space left") => Fault::Lasting(StoreError::Full(told)),
        (Some("MISCONF" | "NOREPLICAS"), _) => Fault::Lasting(StoreError::ReadOnly(told)),
        // Another node may be about to take its place.
        (Some("READONLY"), _) => Fault::Passing(StoreError::ReadOnly(told)),
        (Some("LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "MOVED" | "ASK" | "UNBLOCKED"), _) => {
            Fault::Passing(StoreError::Away(told))
        }
        (_, ErrorKind::Io | ErrorKind::ClusterConnectionNotFound) => Fault::Passing(StoreError::Away(told)),
        _ => Fault::Lasting(StoreError::Away(told)),
    }
}

/// Whether the server does not know a script.
pub(super) fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// The server is not the one that holds our documents, or holds them no more.
pub(super) fn lost() -> StoreError {
    StoreError::Away(
        "the server has lost documents that it held, or is another one: it is not taken for empty; give it its \
         append-only file back, or restore a backup (docs/operations.md, \"The store on Valkey\")"
            .into(),
    )
}

/// An answer that no script of ours gives.
pub(super) fn odd() -> StoreError {
    StoreError::Away("the server answers what it was not asked".into())
}
