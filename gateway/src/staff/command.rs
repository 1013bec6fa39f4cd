//! The commands of `aops admin`, and what each answers.

mod error;

use std::fs;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

pub use self::error::StaffError;
use crate::accounts::{self, NewAccount, Role, api_keys};
use crate::app::App;
use crate::audit::{self, Anchor};
use crate::backup;
use crate::checkout;
use crate::edge::tls::acme::{self, Acme, AcmeError, Reason};
use crate::email::Email;
use crate::newsletter::Segment;
use crate::records;
use crate::staff::bans;
use crate::staff::people::{self, StaffAct};
use crate::{
    audience, breach, client_audit, consent, contact, evidence, inventory, newsletter, outbox, processors,
    register, retention, rights, suppression,
};

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
        /// When its holder, of staff, was trained.
        #[serde(default)]
        trained: Option<Date>,
        /// When its holder, of staff, signed the agreement of secrecy.
        #[serde(default)]
        secrecy: Option<Date>,
    },
    /// `staff …`.
    Staff {
        /// What of it.
        act: StaffAct,
    },
    /// `account list`.
    AccountList,
    /// `account second-factor remove`: answers `{id}`.
    SecondFactorRemove {
        /// The account's address.
        email: String,
        /// Why: it is entered in the audit log.
        reason: String,
    },
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
    /// `orders reconcile`: what differs from the payment processor.
    OrdersReconcile {
        /// Whether what can be mended is.
        mend: bool,
    },
    /// `messages show`: the whole thread of a message.
    MessageShow {
        /// Its id.
        id: String,
    },
    /// `messages answer`.
    MessageAnswer {
        /// Its id.
        id: String,
        /// The answer.
        text: String,
    },
    /// `messages close`.
    MessageClose {
        /// Its id.
        id: String,
    },
    /// `newsletter list`: the mailings, and what became of their issues.
    NewsletterList,
    /// `newsletter send --preview`.
    NewsletterPreview {
        /// The issue's file, without `.md`.
        issue: String,
        /// To whom.
        segment: Segment,
    },
    /// `newsletter send --test`.
    NewsletterTest {
        /// The issue's file, without `.md`.
        issue: String,
        /// To this address alone.
        email: String,
    },
    /// `newsletter send`.
    NewsletterSend {
        /// The issue's file, without `.md`.
        issue: String,
        /// To whom.
        segment: Segment,
        /// Not before.
        at: Option<Timestamp>,
    },
    /// `newsletter cancel`.
    NewsletterCancel {
        /// The mailing's id.
        id: String,
    },
    /// `retention run`.
    RetentionRun {
        /// As if it were this day, at its end.
        now: Option<Date>,
    },
    /// `retention proofs`.
    RetentionProofs,
    /// `archive list`: the legal archive.
    ArchiveList,
    /// `outbox list`.
    OutboxList,
    /// `outbox retry`: answers `{retried}`.
    OutboxRetry {
        /// A letter's name; all of them when absent.
        id: Option<String>,
    },
    /// `breach …`: breaches of personal data.
    Breach {
        /// What is done.
        act: breach::Act,
    },
    /// `rights …`: requests about personal data.
    Rights {
        /// What is done.
        act: rights::Act,
    },
    /// `processors …`: to whom data may go, and clients who are told of it.
    Processors {
        /// What is done.
        act: processors::Act,
    },
    /// `client-audit …`: audits that clients have made.
    ClientAudit {
        /// What is done.
        act: client_audit::Act,
    },
    /// `suppression list`.
    SuppressionList,
    /// `suppression add`.
    SuppressionAdd {
        /// The address.
        email: String,
    },
    /// `suppression remove`.
    SuppressionRemove {
        /// The address.
        email: String,
    },
    /// `consents list`.
    ConsentsList,
    /// `audience list`.
    AudienceList {
        /// The first day.
        from: Option<Date>,
        /// The last day.
        to: Option<Date>,
    },
    /// `certificate list`.
    CertificateList,
    /// `certificate renew`: answers which order it is.
    CertificateRenew,
    /// How that order ended, if it has.
    CertificateOrdered {
        /// The order.
        order: u64,
    },
    /// `certificate revoke`: answers what was revoked.
    CertificateRevoke {
        /// What is told to the authority.
        reason: Reason,
    },
    /// `backup`: answers where it stands under the data folder, and what it holds.
    Backup,
    /// `erased list`: keyed hashes.
    ErasedList,
    /// `store verify`: every document, read through.
    StoreVerify,
    /// `keys roll`: answers how many keys were wrapped anew.
    KeysRoll,
    /// `audit list`.
    AuditList {
        /// The first day.
        from: Option<Date>,
        /// The last day.
        to: Option<Date>,
    },
    /// `audit verify`.
    AuditVerify {
        /// What was told of the log before.
        anchors: Vec<Anchor>,
    },
    /// `audit pack`: answers where it stands under the data folder.
    AuditPack {
        /// The first day.
        from: Date,
        /// The last day.
        to: Date,
    },
    /// `audit key`: answers the public key of evidence packs.
    AuditKey,
    /// `register`: answers the register of processing as a text.
    Register {
        /// How it is written.
        form: register::Form,
    },
    /// `ban add`.
    BanAdd {
        /// An address or a CIDR block.
        block: String,
        /// For so many seconds; for good when absent.
        seconds: Option<u32>,
    },
    /// `ban list`.
    BanList,
    /// `ban feeds`.
    BanFeeds,
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

/// Carries out a command: an object for what is made, an array for what is listed.
///
/// # Errors
/// [`StaffError`], a sentence for whoever typed the command.
pub(super) async fn execute(app: &App, command: Command) -> Result<Value, StaffError> {
    match command {
        Command::AccountCreate { email, password, verified, plan, role, trained, secrecy } => {
            let password = Zeroizing::new(password);
            let email = Email::parse(&email).map_err(|_| StaffError::Email(email))?;
            let plan = plan.map(|name| checkout::staff_plan(app, &name, app.clock.now())).transpose()?;
            let account = accounts::create(app, NewAccount { email, password, role, verified }).await?;
            if let Some(plan) = plan {
                checkout::grant(app, &account, &plan).await?;
            }
            if role.is_staff() {
                people::note(app, &account, trained, secrecy).await?;
            }
            Ok(json!({ "id": account.id, "organisation": account.organisation }))
        }
        Command::Staff { act } => people::execute(app, act).await,
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
        Command::SecondFactorRemove { email, reason } => {
            let email = Email::parse(&email).map_err(|_| StaffError::Email(email))?;
            Ok(json!({ "id": accounts::take_away(app, &email, &reason).await? }))
        }
        Command::ApikeyCreate { account } => {
            let email = Email::parse(&account).map_err(|_| StaffError::Email(account.clone()))?;
            let found = accounts::find(app, &email).await?.ok_or(StaffError::NoAccount(account))?;
            Ok(serde_json::to_value(api_keys::create(app, &found).await?)?)
        }
        Command::SubscribersList => Ok(serde_json::to_value(newsletter::list(app).await?)?),
        Command::MessagesList => Ok(serde_json::to_value(contact::list(app).await?)?),
        Command::OrdersList => Ok(serde_json::to_value(checkout::lines(app).await?)?),
        Command::OrdersReconcile { mend } => {
            Ok(json!({ "differences": checkout::reconcile(app, mend).await? }))
        }
        Command::MessageShow { id } => Ok(serde_json::to_value(contact::show(app, &id).await?)?),
        Command::MessageAnswer { id, text } => {
            contact::answer(app, &id, &text).await?;
            Ok(json!({ "id": id, "state": "answered" }))
        }
        Command::MessageClose { id } => {
            contact::close(app, &id).await?;
            Ok(json!({ "id": id, "state": "closed" }))
        }
        Command::NewsletterList => Ok(serde_json::to_value(newsletter::mailings(app).await?)?),
        Command::NewsletterPreview { issue, segment } => {
            Ok(serde_json::to_value(newsletter::preview(app, &issue, &segment).await?)?)
        }
        Command::NewsletterTest { issue, email } => {
            let email = Email::parse(&email).map_err(|_| StaffError::Email(email))?;
            Ok(json!({ "letters": newsletter::test(app, &issue, &email).await?, "to": email }))
        }
        Command::NewsletterSend { issue, segment, at } => {
            Ok(serde_json::to_value(newsletter::plan(app, &issue, segment, at).await?)?)
        }
        Command::NewsletterCancel { id } => {
            newsletter::cancel(app, &id).await?;
            Ok(json!({ "id": id, "stage": "cancelled" }))
        }
        Command::RetentionRun { now } => {
            let now = now.map_or_else(|| app.clock.now(), |day| end_of_day(day, app.clock.now()));
            let done = retention::run(app, &inventory::KEPT, now).await?;
            // What expires by itself is no longer seen by anybody; it need not stay in the file either.
            while app.store.sweep(1_000).await? > 0 {}
            Ok(serde_json::to_value(done)?)
        }
        Command::RetentionProofs => Ok(serde_json::to_value(retention::proofs(app).await?)?),
        Command::ArchiveList => Ok(serde_json::to_value(checkout::archive(app).await?)?),
        Command::OutboxList => Ok(serde_json::to_value(outbox::list(app).await?)?),
        Command::OutboxRetry { id } => match (outbox::retry(app, id.as_deref()).await?, id) {
            (0, Some(id)) => Err(StaffError::NoLetter(id)),
            (retried, _) => Ok(json!({ "retried": retried })),
        },
        Command::Breach { act } => Ok(breach::act(app, act).await?),
        Command::Rights { act } => Ok(rights::act(app, act).await?),
        Command::Processors { act } => Ok(processors::act(app, act).await?),
        Command::ClientAudit { act } => Ok(client_audit::act(app, act).await?),
        Command::SuppressionList => Ok(serde_json::to_value(suppression::list(app).await?)?),
        Command::SuppressionAdd { email } => {
            let email = Email::parse(&email).map_err(|_| StaffError::Email(email))?;
            suppression::add(app, &email, suppression::Reason::Staff, app.clock.now()).await?;
            Ok(json!({ "email": email }))
        }
        Command::SuppressionRemove { email } => {
            let email = Email::parse(&email).map_err(|_| StaffError::Email(email))?;
            match suppression::remove(app, &email, None).await? {
                true => Ok(json!({ "email": email })),
                false => Err(StaffError::NotSuppressed(email.to_string())),
            }
        }
        Command::ConsentsList => Ok(serde_json::to_value(consent::list(app).await?)?),
        Command::AudienceList { from, to } => {
            audience::store(app, false).await;
            Ok(serde_json::to_value(audience::list(app, from, to).await?)?)
        }
        Command::CertificateList => {
            let line = match &app.acme {
                Some(acme) => Some(acme.line()?),
                None => acme::stored(app).await?,
            };
            Ok(serde_json::to_value(Vec::from_iter(line))?)
        }
        Command::CertificateRenew => {
            let order = obtaining(app)?.renew();
            Ok(json!({ "state": "ordering", "order": order }))
        }
        Command::CertificateOrdered { order } => match obtaining(app)?.ordered(order)? {
            Some(line) => Ok(serde_json::to_value(line)?),
            None => Ok(json!({ "state": "ordering", "order": order })),
        },
        Command::CertificateRevoke { reason } => {
            Ok(serde_json::to_value(obtaining(app)?.revoke(app, reason).await?)?)
        }
        Command::BanAdd { block, seconds } => {
            let until = seconds.map(|seconds| end(app.clock.now(), seconds));
            match bans::add(app, &block, until).await? {
                Ok(added) => {
                    let mut told = serde_json::to_value(added.ban)?;
                    if added.partly_allowed {
                        told["warning"] = json!("addresses of it on the allow-list stay served");
                    }
                    Ok(told)
                }
                Err(bans::Unbanned::NoBlock) => Err(StaffError::Block(block)),
                Err(bans::Unbanned::TooWide) => Err(StaffError::TooWide(block)),
            }
        }
        Command::Backup => {
            let folder = app.settings.data.join("backups");
            fs::create_dir_all(&folder)?;
            let path = folder.join(format!("{}.backup", app.clock.now().as_millisecond()));
            let summary = backup::write(app.store.as_ref(), app.blobs.as_ref(), &app.sealer, &path).await?;
            let mut told = serde_json::to_value(summary)?;
            told["path"] = json!(path);
            Ok(told)
        }
        Command::StoreVerify => Ok(serde_json::to_value(records::verify(app, &inventory::SHAPES).await?)?),
        Command::ErasedList => {
            let stone = |name| json!({ "erased": name });
            Ok(records::erased(app).await?.into_iter().map(stone).collect())
        }
        Command::KeysRoll => Ok(serde_json::to_value(app.sealer.roll(app.store.as_ref()).await?)?),
        Command::AuditList { from, to } => Ok(serde_json::to_value(audit::list(app, from, to).await?)?),
        Command::AuditVerify { anchors } => Ok(serde_json::to_value(audit::verify(app, &anchors).await?)?),
        Command::AuditPack { from, to } => {
            let folder = app.settings.data.join("evidence");
            fs::create_dir_all(&folder)?;
            let path = folder.join(format!("{}.zip", app.clock.now().as_millisecond()));
            let files = evidence::write(app, evidence::Days { from, to }, &path).await?;
            Ok(json!({ "path": path, "from": from, "to": to, "files": files }))
        }
        Command::AuditKey => Ok(json!({ "key": evidence::public_key(app).await? })),
        Command::Register { form } => Ok(json!({ "document": register::written(app, form).await? })),
        Command::BanList => Ok(serde_json::to_value(app.blocklist.bans(app.clock.now()))?),
        Command::BanFeeds => Ok(serde_json::to_value(app.feeds.states(app.clock.now()))?),
        Command::BanRemove { block } => match bans::remove(app, &block).await? {
            Some(true) => Ok(json!({ "net": block })),
            Some(false) => Err(StaffError::NotBanned(block)),
            None => Err(StaffError::Block(block)),
        },
    }
}

/// The last second of a day; today, it is now.
fn end_of_day(day: Date, now: Timestamp) -> Timestamp {
    let end = TimeZone::UTC.to_timestamp(day.at(23, 59, 59, 0)).unwrap_or(now);
    if now.to_zoned_datetime(TimeZone::UTC).date() == day { now } else { end }
}

/// What obtains certificates, where a gateway does.
fn obtaining(app: &App) -> Result<&Acme, AcmeError> {
    app.acme.as_ref().ok_or(AcmeError::NotRunning)
}

fn end(now: Timestamp, seconds: u32) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(i64::from(seconds))).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
