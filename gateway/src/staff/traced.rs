//! What the audit log tells of a command: its name, and the record that it is about; no address in clear.

use serde_json::Value;

use crate::app::App;
use crate::audit::{self, Actor, Event};
use crate::staff::command::{Command, StaffError, execute};

/// Notes who asks for what, then carries it out: what cannot be noted is not done.
///
/// # Errors
/// [`StaffError`], a sentence for whoever typed the command.
pub async fn perform(app: &App, by: Actor, command: Command) -> Result<Value, StaffError> {
    audit::by(by, async {
        if let Some((action, object)) = told(app, &command) {
            audit::record(app, &Event::new(app, action, &object)).await?;
        }
        execute(app, command).await
    })
    .await
}

/// The command's words and its object; nothing of one that only asks how another ended.
fn told(app: &App, command: &Command) -> Option<(&'static str, String)> {
    let whole = |action| (action, String::from("all"));
    let person = |email: &str| app.sealer.lookup("audit-person", &email.trim().to_lowercase());
    Some(match command {
        Command::AccountCreate { email, .. } => ("account create", person(email)),
        Command::Staff { act } => match act.told() {
            (words, Some(email)) => (words, person(email)),
            (words, None) => whole(words),
        },
        Command::AccountList => whole("account list"),
        Command::SecondFactorRemove { email, .. } => ("account second-factor remove", person(email)),
        Command::ApikeyCreate { account } => ("apikey create", person(account)),
        Command::SubscribersList => whole("subscribers list"),
        Command::MessagesList => whole("messages list"),
        Command::OrdersList => whole("orders list"),
        Command::OrdersReconcile { mend: false } => whole("orders reconcile"),
        Command::OrdersReconcile { mend: true } => whole("orders reconcile mend"),
        Command::MessageShow { id } => ("messages show", id.clone()),
        Command::MessageAnswer { id, .. } => ("messages answer", id.clone()),
        Command::MessageClose { id } => ("messages close", id.clone()),
        Command::NewsletterList => whole("newsletter list"),
        Command::NewsletterPreview { issue, .. } => ("newsletter preview", issue.clone()),
        Command::NewsletterTest { issue, .. } => ("newsletter test", issue.clone()),
        Command::NewsletterSend { issue, .. } => ("newsletter send", issue.clone()),
        Command::NewsletterCancel { id } => ("newsletter cancel", id.clone()),
        Command::RetentionRun { .. } => whole("retention run"),
        Command::RetentionProofs => whole("retention proofs"),
        Command::ArchiveList => whole("archive list"),
        Command::OutboxList => whole("outbox list"),
        Command::OutboxRetry { id } => ("outbox retry", id.clone().unwrap_or_else(|| "all".into())),
        Command::Breach { act } => {
            let (action, object) = act.told();
            (action, object.to_owned())
        }
        Command::Rights { act } => {
            let (action, object) = act.told();
            (action, object.to_owned())
        }
        Command::Processors { act } => whole(act.told()),
        Command::ClientAudit { act } => {
            let (action, object) = act.told();
            (action, object.to_owned())
        }
        Command::SuppressionList => whole("suppression list"),
        Command::SuppressionAdd { email } => ("suppression add", person(email)),
        Command::SuppressionRemove { email } => ("suppression remove", person(email)),
        Command::ConsentsList => whole("consents list"),
        Command::AudienceList { .. } => whole("audience list"),
        Command::CertificateList => whole("certificate list"),
        Command::CertificateRenew => whole("certificate renew"),
        Command::CertificateOrdered { .. } => return None,
        Command::CertificateRevoke { .. } => whole("certificate revoke"),
        Command::Backup => whole("backup"),
        Command::ErasedList => whole("erased list"),
        Command::StoreVerify => whole("store verify"),
        Command::KeysRoll => whole("keys roll"),
        Command::BanAdd { block, .. } => ("ban add", block.clone()),
        Command::BanList => whole("ban list"),
        Command::BanFeeds => whole("ban feeds"),
        Command::BanRemove { block } => ("ban remove", block.clone()),
        Command::AuditList { .. } => whole("audit list"),
        Command::AuditVerify { .. } => whole("audit verify"),
        Command::AuditPack { .. } => whole("audit pack"),
        Command::YearlyReport { .. } => whole("report"),
        Command::AuditKey => whole("audit key"),
        Command::Register { .. } => whole("register"),
    })
}
