//! The letter to whoever asked for it when a calculation ends: where its page is, never a file and no result. It stands in
//! the batch of the end, so that it leaves once.

use serde_json::json;

use super::records::{Job, State};
use crate::app::App;
use crate::outbox::{self, Mail, Purpose};
use crate::records::{self, RecordError};
use crate::store::Batch;
use crate::{accounts, calculations::pages};

/// Puts it into the batch, where one is wanted; whoever left gets none.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn write(app: &App, batch: &mut Batch, job: &Job) -> Result<(), RecordError> {
    if !job.letter {
        return Ok(());
    }
    let organisation = batch.partition.clone();
    let Some(account) = accounts::read(app, &organisation, &job.account).await? else { return Ok(()) };
    let lang = if account.language.tag() == "en" { "?lang=en" } else { "" };
    let link = format!("{}{}{lang}", app.settings.platform_url, pages::place(&job.id));
    let state = if job.state == State::Done { "done" } else { "failed" };
    let key = records::subject_key(app, &organisation, &account.id, batch).await?;
    let mail = Mail {
        to: account.email,
        reply_to: None,
        template: "calcul_termine".into(),
        language: account.language,
        purpose: Purpose::Contract,
        context: json!({ "module": job.module, "state": state, "link": link }),
        unsubscribe: None,
        subject: account.id,
    };
    outbox::enqueue(app, batch, &key, &mail)
}
