//! The commands of `aops admin`, and what each answers.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::accounts::{self, AccountError, NewAccount, Role, api_keys};
use crate::app::App;
use crate::checkout::{self, GrantError};
use crate::email::Email;
use crate::records::RecordError;
use crate::staff::bans;
use crate::store::StoreError;
use crate::web::WebError;
use crate::{contact, newsletter};

/// One command, as it goes over the socket.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// `account create`: answers `{id}`.
    AccountCreate {
        /// The login.
        email: String,
        /// In clear, over a socket that only this user may open.
        password: String,
        /// Whether the address is known to be the holder's.
        verified: bool,
        /// A plan given without payment: `illimite`, or an offer's id.
        plan: Option<String>,
        /// What it may do.
        role: Role,
    },
    /// `account list`.
    AccountList,
    /// `apikey create`: answers `{id, key}`.
    ApikeyCreate {
        /// The account's address.
        account: String,
    },
    /// `subscribers list`.
    SubscribersList,
    /// `messages list`.
    MessagesList,
    /// `orders list`.
    OrdersList,
    /// `ban add`.
    BanAdd {
        /// An address or a CIDR block.
        block: String,
        /// For so many seconds; for good when absent.
        seconds: Option<u32>,
    },
    /// `ban list`.
    BanList,
    /// `ban remove`.
    BanRemove {
        /// An address or a CIDR block.
        block: String,
    },
}

impl std::fmt::Debug for Command {
    /// Without what it carries: a password may be among it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Command(..)")
    }
}

/// Why a command did nothing; nothing was written then.
#[derive(Debug, thiserror::Error)]
pub enum StaffError {
    /// No address of an account.
    #[error("`{0}` is no e-mail address")]
    Email(String),
    /// Nobody has it.
    #[error("no account has the address `{0}`; see `aops admin account list`")]
    NoAccount(String),
    /// Not a block.
    #[error(
        "`{0}` is neither an address nor a CIDR block (examples: 192.0.2.7, 192.0.2.0/24, 2001:db8::/32)"
    )]
    Block(String),
    /// Not banned.
    #[error("`{0}` is not banned; see `aops admin ban list`")]
    NotBanned(String),
    /// The account was not made.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The plan was not given.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The store or the keys.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A feature's refusal.
    #[error(transparent)]
    Web(#[from] WebError),
    /// An answer that cannot be told.
    #[error("the answer cannot be told: {0}")]
    Answer(#[from] serde_json::Error),
}

impl From<StoreError> for StaffError {
    fn from(error: StoreError) -> Self {
        Self::Record(error.into())
    }
}

/// Carries out a command: an object for what is made, an array for what is listed.
///
/// # Errors
/// [`StaffError`], a sentence for whoever typed the command.
pub async fn execute(app: &App, command: Command) -> Result<Value, StaffError> {
    match command {
        Command::AccountCreate { email, password, verified, plan, role } => {
            let password = Zeroizing::new(password);
            let email = Email::parse(&email).map_err(|_| StaffError::Email(email))?;
            let plan = plan.map(|name| checkout::staff_plan(app, &name, app.clock.now())).transpose()?;
            let account = accounts::create(app, NewAccount { email, password, role, verified }).await?;
            if let Some(plan) = plan {
                checkout::grant(app, &account, &plan).await?;
            }
            Ok(json!({ "id": account.id, "organisation": account.organisation }))
        }
        Command::AccountList => {
            let line = |account: accounts::Account| {
                json!({
                    "id": account.id,
                    "email": account.email,
                    "organisation": account.organisation,
                    "role": account.role,
                    "verified": account.verified,
                    "created": account.created,
                })
            };
            Ok(accounts::list(app).await?.into_iter().map(line).collect())
        }
        Command::ApikeyCreate { account } => {
            let email = Email::parse(&account).map_err(|_| StaffError::Email(account.clone()))?;
            let found = accounts::find(app, &email).await?.ok_or(StaffError::NoAccount(account))?;
            Ok(serde_json::to_value(api_keys::create(app, &found).await?)?)
        }
        Command::SubscribersList => Ok(serde_json::to_value(newsletter::list(app).await?)?),
        Command::MessagesList => Ok(serde_json::to_value(contact::list(app).await?)?),
        Command::OrdersList => Ok(serde_json::to_value(checkout::lines(app).await?)?),
        Command::BanAdd { block, seconds } => {
            let until = seconds.map(|seconds| end(app.clock.now(), seconds));
            let ban = bans::add(app, &block, until).await?.ok_or(StaffError::Block(block))?;
            Ok(serde_json::to_value(ban)?)
        }
        Command::BanList => Ok(serde_json::to_value(bans::stored(app.store.as_ref()).await?)?),
        Command::BanRemove { block } => match bans::remove(app, &block).await? {
            Some(true) => Ok(json!({ "net": block })),
            Some(false) => Err(StaffError::NotBanned(block)),
            None => Err(StaffError::Block(block)),
        },
    }
}

fn end(now: Timestamp, seconds: u32) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(i64::from(seconds))).unwrap_or(Timestamp::MAX)
}
