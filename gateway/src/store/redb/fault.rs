//! What redb's failures mean to whoever asked.

use std::io;

use redb::DatabaseError;

use crate::store::StoreError;

/// A failure of the file.
pub(super) fn of(error: &redb::Error) -> StoreError {
    match error {
        redb::Error::Io(error) => of_io(error),
        redb::Error::DatabaseAlreadyOpen => held(),
        other => StoreError::Away(other.to_string()),
    }
}

/// A failure of opening the file.
pub(super) fn of_opening(error: DatabaseError) -> StoreError {
    of(&error.into())
}

/// A failure of the system.
pub(super) fn of_io(error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StoreError::Full(error.to_string())
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            StoreError::ReadOnly(error.to_string())
        }
        io::ErrorKind::TimedOut => StoreError::Slow(error.to_string()),
        _ => StoreError::Away(error.to_string()),
    }
}

fn held() -> StoreError {
    StoreError::Away("another process holds the store; stop it first".into())
}
