//! What may be typed after `aops admin`, and the command that each asks for.

use std::io::{self, BufRead, Read};
use std::path::PathBuf;

use aops_gateway::Settings;
use aops_gateway::audit::Anchor;
use aops_gateway::edge::tls::acme::Reason;
use aops_gateway::newsletter::{Language, Segment, Who};
use aops_gateway::register::Form;
use aops_gateway::staff::Command;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use super::breach::BreachAct;
use super::people::{AccountAct, SecondFactorAct, StaffArgs};
use super::policy::{ClientAuditAct, ProcessorsAct};
use super::rights::RightsAct;

/// The longest password that is read, in bytes.
const PASSWORD_LIMIT: u64 = 4096;
/// The longest answer that is read, in bytes.
const TEXT_LIMIT: u64 = 40 * 1024;

/// Arguments of `aops admin`.
#[derive(Debug, Args)]
pub(crate) struct AdminArgs {
    #[command(subcommand)]
    pub(super) subject: Subject,
}

#[derive(Debug, Subcommand)]
pub(super) enum Subject {
    /// Accounts of clients and staff.
    #[command(subcommand)]
    Account(AccountAct),
    /// AOPS's own people: training, secrecy, elevation.
    #[command(subcommand)]
    Staff(StaffArgs),
    /// Keys of clients' programs.
    #[command(subcommand)]
    Apikey(ApikeyAct),
    /// Subscribers of the newsletter.
    #[command(subcommand)]
    Subscribers(ListAct),
    /// Messages of the contact form, and complaints.
    #[command(subcommand)]
    Messages(MessagesAct),
    /// Issues of the newsletter.
    #[command(subcommand)]
    Newsletter(NewsletterAct),
    /// What is kept, and for how long.
    #[command(subcommand)]
    Retention(RetentionAct),
    /// The legal archive: orders that have left the live base.
    #[command(subcommand)]
    Archive(ListAct),
    /// Orders.
    #[command(subcommand)]
    Orders(OrdersAct),
    /// Letters that have not left.
    #[command(subcommand)]
    Outbox(OutboxAct),
    /// Breaches of personal data (GDPR art. 33 and 34).
    #[command(subcommand)]
    Breach(BreachAct),
    /// What people ask about their data (GDPR art. 12 to 22).
    #[command(subcommand)]
    Rights(RightsAct),
    /// To whom data may go, and clients who are told of it.
    #[command(subcommand)]
    Processors(ProcessorsAct),
    /// Audits of our security and confidentiality that clients have made.
    #[command(subcommand)]
    ClientAudit(ClientAuditAct),
    /// Addresses that are not written to any more.
    #[command(subcommand)]
    Suppression(SuppressionAct),
    /// Pages and visits, by day.
    #[command(subcommand)]
    Audience(AudienceAct),
    /// Proofs of choices of cookies.
    #[command(subcommand)]
    Consents(ListAct),
    /// The certificate that an authority gave by ACME.
    #[command(subcommand)]
    Certificate(CertificateAct),
    /// The keys under which personal data are sealed.
    #[command(subcommand)]
    Keys(KeysAct),
    /// The documents at rest.
    #[command(subcommand)]
    Store(StoreAct),
    /// Who was erased, as keyed hashes: keep the list apart from backups, and give it to `restore`.
    #[command(subcommand)]
    Erased(ListAct),
    /// Who did what to which record, when and from where; evidence packs.
    #[command(subcommand)]
    Audit(AuditAct),
    /// The register of processing (GDPR art. 30), from the declarations.
    Register {
        /// As CSV, a line an activity; as Markdown otherwise.
        #[arg(long)]
        csv: bool,
        /// As a PDF, written to this file, which must not exist.
        #[arg(long, value_name = "FILE", conflicts_with = "csv")]
        pdf: Option<PathBuf>,
    },
    /// Writes the officer's report of a year as a PDF: requests, breaches, deletions, access, processors, audits.
    Report {
        /// The year, as 2026.
        #[arg(long)]
        year: i16,
        /// The file; it must not exist.
        file: PathBuf,
    },
    /// Writes the whole store, as it stands now, to a file that the master key alone opens.
    Backup {
        /// The file; it must not exist.
        file: PathBuf,
    },
    /// Restores the store from a backup, where none stands; no gateway may run.
    Restore {
        /// The backup.
        file: PathBuf,
        /// Only reads it through.
        #[arg(long)]
        verify: bool,
        /// What `aops admin erased list --json` printed last: they stay erased.
        #[arg(long, value_name = "FILE")]
        erased: Option<PathBuf>,
    },
    /// Addresses refused before the handshake.
    #[command(subcommand)]
    Ban(BanAct),
}

#[derive(Debug, Subcommand)]
pub(super) enum KeysAct {
    /// Wraps every key under the first master key of AOPS_MASTER_KEY; may be stopped and begun again.
    Roll,
}

#[derive(Debug, Subcommand)]
pub(super) enum AuditAct {
    /// One line each, oldest first.
    List {
        /// The first day, as 2026-11-24.
        #[arg(long)]
        from: Option<Date>,
        /// The last day.
        #[arg(long)]
        to: Option<Date>,
    },
    /// Makes an evidence pack of some days: how the promises of the policy are kept, in one signed file that tells of
    /// nobody; or judges one.
    Pack(Pack),
    /// Prints the public key of evidence packs, in base64.
    Key,
    /// Reads the chain through; fails when an entry was changed, taken out or put in, and tells which.
    Verify {
        /// Where the log stood once, as a letter to staff told it; may be given several times.
        #[arg(long = "anchor", value_name = "NUMBER:DIGEST")]
        anchors: Vec<Anchor>,
    },
}

#[derive(Debug, Args)]
pub(super) struct Pack {
    /// The first day, as 2026-01-01.
    #[arg(long, value_name = "DATE", required_unless_present = "verify")]
    pub(super) from: Option<Date>,
    /// The last day.
    #[arg(long, value_name = "DATE", required_unless_present = "verify")]
    pub(super) to: Option<Date>,
    /// The file; it must not exist.
    #[arg(required_unless_present = "verify")]
    pub(super) file: Option<PathBuf>,
    /// Takes in the results of the tests that prove the promises, as `cargo xtask promises --run --report FILE` wrote them.
    #[arg(long, value_name = "FILE", conflicts_with = "verify")]
    pub(super) tests: Option<PathBuf>,
    /// Judges this pack instead; fails when something of it was changed, and tells what.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "to", "file"])]
    pub(super) verify: Option<PathBuf>,
    /// The public key to judge it by; this gateway's own, when absent.
    #[arg(long, value_name = "KEY", requires = "verify")]
    pub(super) key: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum StoreAct {
    /// Reads every document through, beside a running gateway too; fails when one is damaged or of a later program,
    /// and tells which.
    Verify,
}

#[derive(Debug, Subcommand)]
pub(super) enum AudienceAct {
    /// One line each: day, measure, value, count.
    List {
        /// The first day, as 2026-11-24.
        #[arg(long)]
        from: Option<Date>,
        /// The last day.
        #[arg(long)]
        to: Option<Date>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ListAct {
    /// One line each.
    List,
}

#[derive(Debug, Subcommand)]
pub(super) enum OrdersAct {
    /// One line each.
    List,
    /// Compares orders, subscriptions and invoices with the payment processor; exits with 1 while something differs.
    Reconcile {
        /// Mends what can be: orders whose payment was not noticed, clients who were not fetched.
        #[arg(long)]
        mend: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum MessagesAct {
    /// One line each, with where its thread stands.
    List,
    /// The whole thread of a message, and what speaks for a robot.
    Show {
        /// The message's id.
        id: String,
    },
    /// Answers by mail.
    Answer {
        /// The message's id.
        id: String,
        /// Reads the answer from standard input, to its end.
        #[arg(long, required = true)]
        text_stdin: bool,
    },
    /// Closes the thread; who was answered is asked how satisfied they are.
    Close {
        /// The message's id.
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum NewsletterAct {
    /// The mailings, and the figures of their issues.
    List,
    /// Sends an issue to its readers; nobody gets the same issue twice.
    Send {
        /// The issue's file under content/fr/lettres, without `.md`.
        #[arg(long)]
        issue: String,
        /// Sends it to this address alone, to be looked at.
        #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["at", "preview", "to", "language"])]
        test: Option<String>,
        /// Shows the letter and counts its readers; sends nothing.
        #[arg(long, conflicts_with = "at")]
        preview: bool,
        /// Not before this instant, as 2026-12-01T09:00:00+01:00.
        #[arg(long, value_name = "TIME")]
        at: Option<Timestamp>,
        /// Readers of this language alone: fr or en.
        #[arg(long, value_parser = language)]
        language: Option<Language>,
        /// all, clients or prospects.
        #[arg(long, default_value = "all", value_parser = who)]
        to: Who,
    },
    /// Stops a mailing; what has left has left.
    Cancel {
        /// Its id, as the list shows it.
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum RetentionAct {
    /// Removes what is past its term, as the gateway does by itself.
    Run {
        /// As if it were the end of this day.
        #[arg(long)]
        now: Option<Date>,
    },
    /// What was removed, when, and by which declaration.
    Proofs,
}

#[derive(Debug, Subcommand)]
pub(super) enum OutboxAct {
    /// One line each, the dead ones first.
    List,
    /// Tries a letter again now, dead or not.
    Retry {
        /// Its id, as the list shows it.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<String>,
        /// All that are dead or wait for a later try.
        #[arg(long)]
        all: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum SuppressionAct {
    /// One line each: why, and since when.
    List,
    /// Writes no more to an address, but for what a contract or its safety needs.
    Add {
        /// The e-mail address.
        email: String,
    },
    /// Writes to an address again.
    Remove {
        /// The e-mail address.
        email: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ApikeyAct {
    /// Makes a key; it is shown once.
    Create {
        /// The account's e-mail address.
        #[arg(long)]
        account: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum CertificateAct {
    /// What is in force, until when, and when the next one is due.
    List,
    /// Orders a new one now and waits for it.
    Renew,
    /// Has the authority revoke it, and orders another with another key.
    Revoke {
        /// unspecified, key-compromise, superseded or cessation-of-operation.
        #[arg(long, default_value = "unspecified", value_parser = reason)]
        reason: Reason,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum BanAct {
    /// Refuses an address or a block from now on.
    Add {
        /// An address or a CIDR block.
        block: String,
        /// For so long (`90s`, `10m`, `2h`, `7d`); for good when absent.
        #[arg(long = "for", value_parser = seconds)]
        duration: Option<u32>,
    },
    /// The bans that have not ended.
    List,
    /// The lists that others keep, and how each fares.
    Feeds,
    /// Lifts a ban.
    Remove {
        /// The block as it was given.
        block: String,
    },
}

/// What the gateway, or the store, is asked.
pub(super) fn command(subject: Subject, settings: &Settings) -> io::Result<Command> {
    Ok(match subject {
        Subject::Account(AccountAct::Create {
            email,
            password_stdin: _,
            verified,
            plan,
            role,
            trained,
            secrecy,
        }) => {
            let password = password(io::stdin().lock())?;
            Command::AccountCreate { email, password, verified, plan, role, trained, secrecy }
        }
        Subject::Staff(act) => Command::Staff { act: act.into() },
        Subject::Account(AccountAct::List) => Command::AccountList,
        Subject::Account(AccountAct::SecondFactor(SecondFactorAct::Remove { email, reason })) => {
            Command::SecondFactorRemove { email, reason }
        }
        Subject::Apikey(ApikeyAct::Create { account }) => Command::ApikeyCreate { account },
        Subject::Subscribers(ListAct::List) => Command::SubscribersList,
        Subject::Messages(MessagesAct::List) => Command::MessagesList,
        Subject::Messages(MessagesAct::Show { id }) => Command::MessageShow { id },
        Subject::Messages(MessagesAct::Answer { id, text_stdin: _ }) => {
            Command::MessageAnswer { id, text: text(io::stdin().lock())? }
        }
        Subject::Messages(MessagesAct::Close { id }) => Command::MessageClose { id },
        Subject::Newsletter(act) => newsletter(act),
        Subject::Retention(RetentionAct::Run { now }) => Command::RetentionRun { now },
        Subject::Retention(RetentionAct::Proofs) => Command::RetentionProofs,
        Subject::Archive(ListAct::List) => Command::ArchiveList,
        Subject::Orders(OrdersAct::List) => Command::OrdersList,
        Subject::Orders(OrdersAct::Reconcile { mend }) => Command::OrdersReconcile { mend },
        Subject::Outbox(OutboxAct::List) => Command::OutboxList,
        Subject::Outbox(OutboxAct::Retry { id, all: _ }) => Command::OutboxRetry { id },
        Subject::Breach(act) => Command::Breach { act: act.act() },
        Subject::Rights(act) => Command::Rights { act: act.command()? },
        Subject::Processors(act) => Command::Processors { act: act.act(settings.processors.clone()) },
        Subject::ClientAudit(act) => Command::ClientAudit { act: act.act() },
        Subject::Suppression(SuppressionAct::List) => Command::SuppressionList,
        Subject::Suppression(SuppressionAct::Add { email }) => Command::SuppressionAdd { email },
        Subject::Suppression(SuppressionAct::Remove { email }) => Command::SuppressionRemove { email },
        Subject::Audience(AudienceAct::List { from, to }) => Command::AudienceList { from, to },
        Subject::Consents(ListAct::List) => Command::ConsentsList,
        Subject::Certificate(CertificateAct::List) => Command::CertificateList,
        Subject::Certificate(CertificateAct::Renew) => Command::CertificateRenew,
        Subject::Certificate(CertificateAct::Revoke { reason }) => Command::CertificateRevoke { reason },
        Subject::Ban(BanAct::Add { block, duration }) => Command::BanAdd { block, seconds: duration },
        Subject::Keys(KeysAct::Roll) => Command::KeysRoll,
        Subject::Audit(AuditAct::List { from, to }) => Command::AuditList { from, to },
        Subject::Audit(AuditAct::Verify { anchors }) => Command::AuditVerify { anchors },
        Subject::Audit(AuditAct::Key) => Command::AuditKey,
        Subject::Register { csv: true, .. } => Command::Register { form: Form::Csv },
        Subject::Register { csv: false, .. } => Command::Register { form: Form::Markdown },
        // Asked by what writes its file.
        Subject::Report { year, .. } => Command::YearlyReport { year },
        Subject::Erased(ListAct::List) => Command::ErasedList,
        Subject::Store(StoreAct::Verify) => Command::StoreVerify,
        // Done before any other is asked: their files are this process'.
        Subject::Backup { .. } | Subject::Restore { .. } | Subject::Audit(AuditAct::Pack(_)) => {
            Command::Backup
        }
        Subject::Ban(BanAct::List) => Command::BanList,
        Subject::Ban(BanAct::Feeds) => Command::BanFeeds,
        Subject::Ban(BanAct::Remove { block }) => Command::BanRemove { block },
    })
}

fn newsletter(act: NewsletterAct) -> Command {
    match act {
        NewsletterAct::List => Command::NewsletterList,
        NewsletterAct::Cancel { id } => Command::NewsletterCancel { id },
        NewsletterAct::Send { issue, test: Some(email), .. } => Command::NewsletterTest { issue, email },
        NewsletterAct::Send { issue, test: None, preview, at, language, to } => {
            let segment = Segment { language, who: to };
            if preview {
                Command::NewsletterPreview { issue, segment }
            } else {
                Command::NewsletterSend { issue, segment, at }
            }
        }
    }
}

/// All of it.
pub(super) fn text(input: impl BufRead) -> io::Result<String> {
    let mut text = String::new();
    input.take(TEXT_LIMIT).read_to_string(&mut text)?;
    Ok(text)
}

pub(super) fn language(text: &str) -> Result<Language, String> {
    named(text).ok_or_else(|| format!("no language `{text}`: fr or en"))
}

fn who(text: &str) -> Result<Who, String> {
    named(text).ok_or_else(|| format!("`{text}`: all, clients or prospects"))
}

pub(super) fn named<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(Value::String(text.to_owned())).ok()
}

/// The first line, without its end.
fn password(input: impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.take(PASSWORD_LIMIT).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn reason(text: &str) -> Result<Reason, String> {
    serde_json::from_value(Value::String(text.to_owned())).map_err(|_| format!("no reason `{text}`"))
}

/// `90s`, `10m`, `2h`, `7d`, or bare seconds.
fn seconds(text: &str) -> Result<u32, String> {
    let wrong = || format!("`{text}` is no duration; write for instance 90s, 10m, 2h or 7d");
    let (digits, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let factor = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" | "j" => 86_400,
        _ => return Err(wrong()),
    };
    let count: u32 = digits.parse().map_err(|_| wrong())?;
    count.checked_mul(factor).filter(|&seconds| seconds > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit() {
        for (text, expected) in [("90", 90), ("90s", 90), ("10m", 600), ("2h", 7_200), ("7d", 604_800)] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for text in ["", "s", "0", "-1s", "1w", "1.5h", "99999999999d"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_is_the_first_line_of_standard_input() {
        for (typed, expected) in
            [("secret\n", "secret"), ("secret\r\nmore\n", "secret"), (" two words ", " two words ")]
        {
            assert_eq!(password(typed.as_bytes()).unwrap(), expected);
        }
    }
}
