//! Why a command of `aops admin` did nothing.

use crate::accounts::{self, AccountError};
use crate::backup::BackupError;
use crate::checkout::GrantError;
use crate::edge::tls::acme::AcmeError;
use crate::records::RecordError;
use crate::sealing::SealError;
use crate::store::StoreError;
use crate::web::WebError;
use crate::{breach, client_audit, contact, evidence, newsletter, processors, register, rights};

/// Why a command did nothing; nothing was written then.
#[derive(Debug, thiserror::Error)]
pub enum StaffError {
    /// No address of an account.
    #[error("`{0}` is no e-mail address")]
    Email(String),
    /// Nobody has it.
    #[error("no account has the address `{0}`; see `aops admin account list`")]
    NoAccount(String),
    /// A client.
    #[error("`{0}` is a client's account; see `aops admin staff list`")]
    NotStaff(String),
    /// No elevation.
    #[error("an elevation is to a role of staff, for one to sixty minutes")]
    Elevation,
    /// No reason.
    #[error("an elevation has a reason of one line and at most 200 characters")]
    Reason,
    /// Not a block.
    #[error(
        "`{0}` is neither an address nor a CIDR block (examples: 192.0.2.7, 192.0.2.0/24, 2001:db8::/32)"
    )]
    Block(String),
    /// Too much of the world.
    #[error(
        "`{0}` is too wide to ban: /8 in IPv4 and /16 in IPv6 are the widest; a firewall may refuse more"
    )]
    TooWide(String),
    /// Not banned.
    #[error("`{0}` is not banned; see `aops admin ban list`")]
    NotBanned(String),
    /// What an authority or the way to it says.
    #[error(transparent)]
    Acme(#[from] AcmeError),
    /// No letter of this name waits for anything.
    #[error("no letter `{0}` can be tried again; see `aops admin outbox list`")]
    NoLetter(String),
    /// Not on the list.
    #[error("`{0}` is not suppressed; see `aops admin suppression list`")]
    NotSuppressed(String),
    /// The account was not made.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The second factor is still there.
    #[error(transparent)]
    NotTaken(#[from] accounts::NotTaken),
    /// The plan was not given.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The store or the keys.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The backup was not written.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// A folder cannot be made.
    #[error("the data folder: {0}")]
    Folder(#[from] std::io::Error),
    /// A message.
    #[error(transparent)]
    Contact(#[from] contact::ContactError),
    /// A mailing.
    #[error(transparent)]
    Mailing(#[from] newsletter::MailingError),
    /// A breach.
    #[error(transparent)]
    Breach(#[from] breach::BreachError),
    /// A request about personal data.
    #[error(transparent)]
    Rights(#[from] rights::DeskError),
    /// An announcement of processors.
    #[error(transparent)]
    Announce(#[from] processors::AnnounceError),
    /// An audit of a client.
    #[error(transparent)]
    ClientAudit(#[from] client_audit::DeskError),
    /// An evidence pack.
    #[error(transparent)]
    Evidence(#[from] evidence::EvidenceError),
    /// The register.
    #[error(transparent)]
    Register(#[from] register::RegisterError),
    /// A feature's refusal.
    #[error(transparent)]
    Web(#[from] WebError),
    /// An answer that cannot be told.
    #[error("the answer cannot be told: {0}")]
    Answer(#[from] serde_json::Error),
}

impl From<SealError> for StaffError {
    fn from(error: SealError) -> Self {
        Self::Record(error.into())
    }
}

impl From<StoreError> for StaffError {
    fn from(error: StoreError) -> Self {
        Self::Record(error.into())
    }
}
