//! Which store this machine knows: a server that holds another one, or none, is not taken for it.

use std::fs;
use std::io;
use std::path::Path;

use crate::files;
use crate::store::StoreError;

/// The file in the data folder.
const FILE: &str = "store.identity";

/// The store that was opened here before.
pub(super) fn known(folder: &Path) -> Result<Option<String>, StoreError> {
    let path = folder.join(FILE);
    match fs::read_to_string(&path) {
        Ok(identity) => Ok(Some(identity.trim().to_owned()).filter(|identity| !identity.is_empty())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::Away(format!("{}: {error}", path.display()))),
    }
}

/// Keeps what is known for the next start.
pub(super) fn remember(folder: &Path, identity: &str) -> Result<(), StoreError> {
    let path = folder.join(FILE);
    let write = || {
        fs::create_dir_all(folder)?;
        files::write_private(&path, identity.as_bytes())
    };
    write().map_err(|error| StoreError::Away(format!("{}: {error}", path.display())))
}

/// A name that nothing else has.
pub(super) fn random() -> Result<String, StoreError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Away(error.to_string()))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
