//! How long what people wrote is kept, and how it goes: a thread goes whole, with the key that sealed it.

use async_trait::async_trait;
use jiff::Timestamp;

use super::thread::{ANSWERS, KEY, MESSAGES, THREADS, Thread, addresses, put};
use crate::app::App;
use crate::checkout;
use crate::records::{self, KEYS, RecordError};
use crate::retention::{Ended, Ground, Kept, Retention, Term, Terms, Then};
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

/// When a thread must be gone.
pub(super) fn ends(terms: &Terms, thread: &Thread) -> Timestamp {
    terms.end(if thread.client { &CLIENT } else { &PROSPECT }, thread.contact)
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
            let client = thread.client || checkout::is_client(app, &thread.email).await?;
            let thread = Thread { client, ..thread };
            if ends(&app.settings.retention, &thread) > now {
                let mut batch = Batch::new(partition);
                let key = records::subject_key(app, partition, partition, &mut batch).await?;
                put(app, &mut batch, &key, &thread, Expect::Version(version))?;
                return match app.store.commit(batch).await {
                    Ok(()) | Err(StoreError::Conflict(_)) => Ok(None),
                    Err(error) => Err(error.into()),
                };
            }
            if client {
                by = &CLIENT;
            }
        }
        let mut batch = Batch::new(partition).delete(THREADS, KEY, Expect::Version(stored.version)).delete(
            KEYS,
            partition,
            Expect::Anything,
        );
        for collection in [MESSAGES, ANSWERS] {
            for address in addresses(app, collection, Some(partition)).await? {
                batch = batch.delete(collection, &address.key, Expect::Anything);
            }
        }
        Ok(Some(Ended { by, batch }))
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
    use crate::{outbox, testing};

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
        assert_eq!(run(&app, &kept, after(3 * 365 - 2)).await.unwrap(), []);
        let done = run(&app, &kept, after(3 * 365 + 2)).await.unwrap();
        assert_eq!((done[0].what.as_str(), done[0].count), ("message_prospect", 1));
        for collection in [THREADS, MESSAGES, ANSWERS] {
            let scan = Scan { collection, partition: None, prefix: String::new(), after: None, limit: 9 };
            assert_eq!(app.store.scan(scan).await.unwrap().documents, [], "{collection}");
        }
        assert!(list(&app).await.unwrap().is_empty());
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
