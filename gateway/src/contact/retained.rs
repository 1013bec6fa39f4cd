//! How long what people wrote is kept, and how it goes: a thread goes whole, with the key that sealed it.

use aops_manifest::Language;
use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;

use super::desk::mail;
use super::thread::{ANSWERS, KEY, MESSAGES, THREADS, Thread, addresses, put};
use crate::app::App;
use crate::checkout;
use crate::outbox;
use crate::records::{self, KEYS, RESTRICTIONS, RecordError};
use crate::retention::{Ended, Ground, Kept, Retention, Term, Terms, Then, WARNING};
use crate::store::{Address, Batch, Expect, StoreError, Stored};

/// What a prospect wrote.
pub const PROSPECT: Retention = Retention {
    what: "message prospect",
    term: Term::Years(3),
    from: "last contact",
    ground: Ground::LegitimateInterest,
    then: Then::Delete,
};
/// What a client wrote.
pub const CLIENT: Retention = Retention {
    what: "message client",
    term: Term::Years(5),
    from: "last contact",
    ground: Ground::Contract,
    then: Then::Delete,
};

fn declared(thread: &Thread) -> &'static Retention {
    if thread.client { &CLIENT } else { &PROSPECT }
}

/// When a thread must be gone.
pub(super) fn ends(terms: &Terms, thread: &Thread) -> Timestamp {
    terms.end(declared(thread), thread.contact)
}

/// Threads, for the retention engine.
#[derive(Debug)]
pub struct Threads;

#[async_trait]
impl Kept for Threads {
    fn collection(&self) -> &'static str {
        THREADS
    }

    async fn end(
        &self,
        app: &App,
        address: &Address,
        stored: &Stored,
        now: Timestamp,
    ) -> Result<Option<Ended>, RecordError> {
        let partition = &address.partition;
        let found = records::read_sealed::<Thread>(app, address, partition).await?;
        let mut by = &PROSPECT;
        if let Some((thread, version)) = found {
            let thread = renewed(app, thread).await?;
            if ends(&app.settings.retention, &thread) > now {
                keep(app, partition, &thread, version).await?;
                return Ok(None);
            }
            by = declared(&thread);
        }
        let mut batch = Batch::new(partition)
            .delete(THREADS, KEY, Expect::Version(stored.version))
            .delete(KEYS, partition, Expect::Anything)
            .delete(RESTRICTIONS, partition, Expect::Anything);
        for collection in [MESSAGES, ANSWERS] {
            for address in addresses(app, collection, Some(partition)).await? {
                batch = batch.delete(collection, &address.key, Expect::Anything);
            }
        }
        Ok(Some(Ended { by, batch }))
    }

    /// Whoever wrote is told a month before: to write again is to keep the thread.
    async fn warn(
        &self,
        app: &App,
        address: &Address,
        stored: &Stored,
        now: Timestamp,
    ) -> Result<bool, RecordError> {
        let (partition, terms) = (&address.partition, &app.settings.retention);
        let found = records::read_sealed::<Thread>(app, address, partition).await?;
        let Some((thread, _)) = found.filter(|(thread, _)| thread.warned.is_none()) else {
            return Ok(false);
        };
        let thread = renewed(app, thread).await?;
        if !terms.warn(declared(&thread)) {
            return Ok(false);
        }
        let until = ends(terms, &thread);
        if until.duration_since(now) > WARNING {
            keep(app, partition, &thread, stored.version).await?;
            return Ok(false);
        }
        let thread = Thread { warned: Some(now), ..thread };
        let mut batch = Batch::new(partition);
        let key = records::subject_key(app, partition, partition, &mut batch).await?;
        put(app, &mut batch, &key, &thread, Expect::Version(stored.version))?;
        let path = if thread.language == Language::En { "/en/contact/" } else { "/contact/" };
        let link = format!("{}{path}", app.settings.base_url);
        let context = json!({ "link": link, "until": until.to_string() });
        outbox::enqueue(app, &mut batch, &key, &mail(app, address, &thread, "contact_echeance", context))?;
        match app.store.commit(batch).await {
            Ok(()) => {
                app.outbox.wake();
                Ok(true)
            }
            // They wrote meanwhile.
            Err(StoreError::Conflict(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// The same thread, with whether it is a client's looked at anew.
async fn renewed(app: &App, thread: Thread) -> Result<Thread, RecordError> {
    let client = thread.client || checkout::is_client(app, &thread.email).await?;
    Ok(Thread { client, ..thread })
}

async fn keep(app: &App, partition: &str, thread: &Thread, version: u64) -> Result<(), RecordError> {
    let mut batch = Batch::new(partition);
    let key = records::subject_key(app, partition, partition, &mut batch).await?;
    put(app, &mut batch, &key, thread, Expect::Version(version))?;
    match app.store.commit(batch).await {
        Ok(()) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use jiff::SignedDuration;

    use super::super::{answer, close, list, show};
    use super::*;
    use crate::retention::run;
    use crate::store::Scan;
    use crate::testing;

    #[tokio::test]
    async fn p_retention_a_thread_goes_whole_three_years_after_its_last_contact() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let form = "nom=A&prenom=B&email=a%40example.org&raison_sociale=C&adresse=D&message=";
        for text in ["un", "deux"] {
            testing::post(&app, "/contact", &HeaderMap::new(), &format!("{form}{text}")).await;
        }
        let id = list(&app).await.unwrap()[0].id.clone();
        answer(&app, &id, "Bonjour").await.unwrap();
        let kept: [&dyn Kept; 1] = [&Threads];
        let after = |days: i64| app.clock.now() + SignedDuration::from_hours(24 * days);
        assert_eq!(run(&app, &kept, after(3 * 365 - 32)).await.unwrap(), []);
        let done = run(&app, &kept, after(3 * 365 + 2)).await.unwrap();
        assert_eq!((done[0].what.as_str(), done[0].count), ("message_prospect", 1));
        for collection in [THREADS, MESSAGES, ANSWERS] {
            let scan = Scan { collection, partition: None, prefix: String::new(), after: None, limit: 9 };
            assert_eq!(app.store.scan(scan).await.unwrap().documents, [], "{collection}");
        }
        assert!(list(&app).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn p_retention_who_wrote_is_told_once_before_the_thread_goes_and_writing_again_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        let app = testing::shared(folder.path()).await;
        let form = "nom=A&prenom=B&email=a%40example.org&raison_sociale=C&adresse=D&message=";
        testing::post(&app, "/contact", &HeaderMap::new(), &format!("{form}un")).await;
        let kept: [&dyn Kept; 1] = [&Threads];
        let (written, soon) = (app.clock.now(), days(3 * 365 - 10));
        assert_eq!(run(&app, &kept, written + days(3 * 365 - 32)).await.unwrap(), []);
        for warned in [1, 0] {
            let done = run(&app, &kept, written + soon).await.unwrap();
            assert_eq!(done.iter().map(|done| done.count).sum::<u64>(), warned, "{done:?}");
        }
        let warnings = |letters: Vec<outbox::Mail>| {
            letters.into_iter().filter(|mail| mail.template == "contact_echeance").collect::<Vec<_>>()
        };
        let told = warnings(testing::letters(&app).await);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].to.as_str(), told[0].unsubscribe.as_deref()), ("a@example.org", None));
        let until: Timestamp = told[0].context["until"].as_str().unwrap().parse().unwrap();
        assert!(until.duration_since(written) > days(3 * 365 - 1));
        drop(app);
        let app = std::sync::Arc::new(testing::app(folder.path(), soon).await);
        testing::post(&app, "/contact", &HeaderMap::new(), &format!("{form}deux")).await;
        assert_eq!(run(&app, &kept, written + days(3 * 365 + 2)).await.unwrap(), []);
        let done = run(&app, &kept, app.clock.now() + soon).await.unwrap();
        assert_eq!(
            done.iter().map(|done| (done.what.as_str(), done.count)).collect::<Vec<_>>(),
            [("warned", 1)]
        );
        assert_eq!(warnings(testing::letters(&app).await).len(), 2, "a new term has a warning of its own");
    }

    #[tokio::test]
    async fn where_the_term_leaves_no_time_nobody_is_warned() {
        let folder = tempfile::tempdir().unwrap();
        let mut app = testing::app(folder.path(), SignedDuration::ZERO).await;
        app.settings.retention = toml::from_str("message_prospect = \"30 days\"").unwrap();
        let app = std::sync::Arc::new(app);
        let form = "nom=A&prenom=B&email=a%40example.org&raison_sociale=C&adresse=D&message=un";
        testing::post(&app, "/contact", &HeaderMap::new(), form).await;
        let after = |days: i64| app.clock.now() + SignedDuration::from_hours(24 * days);
        assert_eq!(run(&app, &[&Threads], after(29)).await.unwrap(), []);
        let done = run(&app, &[&Threads], after(31)).await.unwrap();
        assert_eq!((done[0].what.as_str(), done[0].count), ("message_prospect", 1));
    }

    #[tokio::test]
    async fn staff_answer_and_close_and_a_new_message_opens_the_thread_again() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let form = "nom=A&prenom=B&email=a%40example.org&raison_sociale=C&adresse=D&message=";
        testing::post(&app, "/contact", &HeaderMap::new(), &format!("{form}un")).await;
        let id = list(&app).await.unwrap()[0].id.clone();
        let state = async || serde_json::to_value(list(&app).await.unwrap()).unwrap()[0]["state"].clone();
        assert_eq!(state().await, "open");
        assert!(answer(&app, "msg_none", "Bonjour").await.is_err());
        assert!(answer(&app, &id, " \n ").await.is_err());
        answer(&app, &id, "Bonjour,\r\nvoici.").await.unwrap();
        assert_eq!(state().await, "answered");
        close(&app, &id).await.unwrap();
        assert_eq!(state().await, "closed");
        let shown = show(&app, &id).await.unwrap();
        assert_eq!((shown.messages.len(), shown.answers[0].text.as_str()), (1, "Bonjour,\nvoici."));
        let letters = outbox::list(&app).await.unwrap();
        for template in ["contact_reponse", "contact_satisfaction"] {
            assert_eq!(letters.iter().filter(|letter| letter.template == template).count(), 1, "{template}");
        }
        testing::post(&app, "/contact", &HeaderMap::new(), &format!("{form}deux")).await;
        assert_eq!(state().await, "open");
    }
}
