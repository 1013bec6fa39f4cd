//! How long subscribers are kept, and how they are forgotten.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;

use super::subscriber::{SUBSCRIBERS, State, Subscriber, leave_link, mail, partition, put};
use crate::app::App;
use crate::checkout;
use crate::outbox;
use crate::records::{self, KEYS, RESTRICTIONS, RecordError};
use crate::retention::{Ended, Ground, Kept, Retention, Term, Terms, Then, WARNING};
use crate::store::{Address, Batch, Expect, StoreError, Stored};

/// That someone left is kept so that it can be shown, and nobody is written to again by mistake.
pub const LEFT: Retention = Retention {
    what: "unsubscribed address",
    term: Term::Years(3),
    from: "unsubscription",
    ground: Ground::LegitimateInterest,
    then: Then::Delete,
};
/// An address that nobody confirmed is forgotten with its link.
pub const PENDING: Retention = Retention {
    what: "unconfirmed address",
    term: Term::Days(3),
    from: "last request",
    ground: Ground::Consent,
    then: Then::Delete,
};
/// A confirmed address, on the policy's word: three years from the last contact.
pub const PROSPECT: Retention = Retention {
    what: "subscriber prospect",
    term: Term::Years(3),
    from: "last contact",
    ground: Ground::LegitimateInterest,
    then: Then::Delete,
};
/// Five years for who has bought.
pub const CLIENT: Retention = Retention {
    what: "subscriber client",
    term: Term::Years(5),
    from: "last contact",
    ground: Ground::LegitimateInterest,
    then: Then::Delete,
};

/// The declaration of a subscriber, and the event from which its term counts.
fn declared(subscriber: &Subscriber) -> (&'static Retention, Timestamp) {
    match subscriber.state {
        State::Pending => (&PENDING, subscriber.asked),
        State::Unsubscribed => (&LEFT, subscriber.left.unwrap_or(subscriber.asked)),
        State::Confirmed => {
            let contact = subscriber.contact.unwrap_or(subscriber.asked);
            (if subscriber.client { &CLIENT } else { &PROSPECT }, contact)
        }
    }
}

/// When a subscriber must be gone.
pub(super) fn ends(terms: &Terms, subscriber: &Subscriber) -> Timestamp {
    let (retention, from) = declared(subscriber);
    terms.end(retention, from)
}

/// Subscribers, for the retention engine.
#[derive(Debug)]
pub struct Subscribers;

#[async_trait]
impl Kept for Subscribers {
    fn collection(&self) -> &'static str {
        SUBSCRIBERS
    }

    async fn end(
        &self,
        app: &App,
        address: &Address,
        stored: &Stored,
        now: Timestamp,
    ) -> Result<Option<Ended>, RecordError> {
        let found = records::read_sealed::<Subscriber>(app, address, &address.key).await?;
        let mut by = &PENDING;
        if let Some((subscriber, _)) = found {
            let subscriber = renewed(app, subscriber).await?;
            if ends(&app.settings.retention, &subscriber) > now {
                keep(app, &address.key, stored, &subscriber).await?;
                return Ok(None);
            }
            by = declared(&subscriber).0;
        }
        let batch = Batch::new(partition(&address.key))
            .delete(SUBSCRIBERS, &address.key, Expect::Version(stored.version))
            .delete(KEYS, &address.key, Expect::Anything)
            .delete(RESTRICTIONS, &address.key, Expect::Anything);
        Ok(Some(Ended { by, batch }))
    }

    /// A reader is told a month before, and may stay.
    async fn warn(
        &self,
        app: &App,
        address: &Address,
        stored: &Stored,
        now: Timestamp,
    ) -> Result<bool, RecordError> {
        let found = records::read_sealed::<Subscriber>(app, address, &address.key).await?;
        let Some((subscriber, _)) = found else { return Ok(false) };
        if subscriber.state != State::Confirmed || subscriber.warned.is_some() {
            return Ok(false);
        }
        let subscriber = renewed(app, subscriber).await?;
        let terms = &app.settings.retention;
        if !terms.warn(declared(&subscriber).0) {
            return Ok(false);
        }
        let until = ends(terms, &subscriber);
        if until.duration_since(now) > WARNING {
            keep(app, &address.key, stored, &subscriber).await?;
            return Ok(false);
        }
        let subscriber = Subscriber { warned: Some(now), ..subscriber };
        let (mut batch, key) = put(app, &address.key, Expect::Version(stored.version), &subscriber).await?;
        let leave = leave_link(app, &address.key, subscriber.language);
        let stay = leave.replace("/desinscription?", "/preferences?");
        let context = json!({ "link": stay, "until": until.to_string() });
        let letter = mail(&subscriber, &address.key, "newsletter_rappel", context, Some(leave));
        outbox::enqueue(app, &mut batch, &key, &letter)?;
        match app.store.commit(batch).await {
            Ok(()) => {
                app.outbox.wake();
                Ok(true)
            }
            Err(StoreError::Conflict(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// The same subscriber, with whether they are a client looked at anew.
async fn renewed(app: &App, subscriber: Subscriber) -> Result<Subscriber, RecordError> {
    let client = subscriber.state == State::Confirmed
        && (subscriber.client || checkout::is_client(app, &subscriber.email).await?);
    Ok(Subscriber { client, ..subscriber })
}

async fn keep(app: &App, id: &str, stored: &Stored, subscriber: &Subscriber) -> Result<(), RecordError> {
    let (batch, _) = put(app, id, Expect::Version(stored.version), subscriber).await?;
    match app.store.commit(batch).await {
        Ok(()) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, ToSpan};

    use crate::email::Email;

    use super::super::subscriber::{ask, choose, confirm, id, list};
    use super::*;
    use crate::retention::{proofs, run};
    use crate::testing;

    async fn confirmed(app: &App, address: &str) -> String {
        let email = Email::parse(address).unwrap();
        ask(app, &email, aops_manifest::Language::Fr, "/newsletter/").await.unwrap();
        let id = id(app, &email);
        confirm(app, &id).await.unwrap();
        id
    }

    fn after(app: &App, years: i8, days: i32) -> Timestamp {
        let now = app.clock.now().to_zoned_datetime(jiff::tz::TimeZone::UTC);
        now.checked_add(years.years().days(days)).unwrap().timestamp()
    }

    fn told(done: &[crate::retention::Done]) -> Vec<(String, u64)> {
        done.iter().map(|done| (done.what.clone(), done.count)).collect()
    }

    #[tokio::test]
    async fn p_retention_prospects_are_forgotten_three_years_after_the_last_contact_and_clients_after_five() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::app(folder.path(), SignedDuration::ZERO).await;
        let account = testing::account(&app, "client@example.com").await;
        let plan = checkout::staff_plan(&app, "illimite", app.clock.now()).unwrap();
        confirmed(&app, "client@example.com").await;
        confirmed(&app, "prospect@example.org").await;
        ask(&app, &Email::parse("nobody@example.org").unwrap(), aops_manifest::Language::Fr, "/")
            .await
            .unwrap();
        // Who buys after having subscribed is a client at the end of the term.
        checkout::grant(&app, &account, &plan).await.unwrap();
        let kept: [&dyn Kept; 1] = [&Subscribers];
        assert_eq!(told(&run(&app, &kept, app.clock.now()).await.unwrap()), []);
        let done = run(&app, &kept, after(&app, 0, 4)).await.unwrap();
        assert_eq!(told(&done), [("unconfirmed_address".into(), 1)]);
        let done = run(&app, &kept, after(&app, 3, 1)).await.unwrap();
        assert_eq!(told(&done), [("subscriber_prospect".into(), 1)]);
        assert_eq!(told(&run(&app, &kept, after(&app, 3, 1)).await.unwrap()), [], "nothing is done twice");
        let left = list(&app).await.unwrap();
        assert_eq!(left.iter().map(|line| line.email.as_str()).collect::<Vec<_>>(), ["client@example.com"]);
        let done = run(&app, &kept, after(&app, 5, 1)).await.unwrap();
        assert_eq!(told(&done), [("subscriber_client".into(), 1)]);
        let proofs = proofs(&app).await.unwrap();
        assert_eq!(proofs.len(), 3);
        assert!(!serde_json::to_string(&proofs).unwrap().contains('@'), "a proof says nothing of anybody");
    }

    #[tokio::test]
    async fn p_retention_a_reader_is_warned_once_a_month_before_and_a_choice_begins_the_term_anew() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::app(folder.path(), SignedDuration::ZERO).await;
        let id = confirmed(&app, "a@example.org").await;
        let kept: [&dyn Kept; 1] = [&Subscribers];
        assert_eq!(told(&run(&app, &kept, after(&app, 2, 300)).await.unwrap()), []);
        for expected in [vec![("warned".to_owned(), 1)], vec![]] {
            assert_eq!(told(&run(&app, &kept, after(&app, 2, 340)).await.unwrap()), expected);
        }
        let letters = outbox::list(&app).await.unwrap();
        assert_eq!(letters.iter().filter(|letter| letter.template == "newsletter_rappel").count(), 1);
        drop(app);
        let later = testing::app(folder.path(), SignedDuration::from_hours(24 * (2 * 365 + 341))).await;
        assert!(choose(&later, &id, None).await.unwrap());
        assert_eq!(told(&run(&later, &kept, after(&later, 2, 0)).await.unwrap()), []);
        let done = run(&later, &kept, after(&later, 3, 1)).await.unwrap();
        assert_eq!(told(&done), [("subscriber_prospect".into(), 1)]);
    }

    #[tokio::test]
    async fn p_retention_after_a_long_absence_what_is_past_its_term_is_seen_by_nobody_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::app(folder.path(), SignedDuration::ZERO).await;
        confirmed(&app, "a@example.org").await;
        drop(app);
        let later = testing::app(folder.path(), SignedDuration::from_hours(24 * (3 * 366 + 7))).await;
        assert!(list(&later).await.unwrap().is_empty(), "before the engine has run");
        let kept: [&dyn Kept; 1] = [&Subscribers];
        let done = run(&later, &kept, later.clock.now()).await.unwrap();
        assert_eq!(told(&done), [("subscriber_prospect".into(), 1)]);
    }

    #[tokio::test]
    async fn a_record_that_cannot_be_read_does_not_keep_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::app(folder.path(), SignedDuration::ZERO).await;
        let mut ids = Vec::new();
        for address in ["a@example.org", "b@example.org", "c@example.org"] {
            ids.push(confirmed(&app, address).await);
        }
        ids.sort();
        // The first that the engine comes to.
        let place = Address::new(SUBSCRIBERS, partition(&ids[0]), &ids[0]);
        let mut stored = app.store.read(&place).await.unwrap().unwrap();
        let middle = stored.body.len() / 2;
        stored.body[middle] ^= 1;
        let flip = Batch::new(&place.partition);
        let flip = flip.put(SUBSCRIBERS, &place.key, Expect::Anything, stored.body, stored.expires);
        app.store.commit(flip).await.unwrap();
        assert_eq!(list(&app).await.unwrap().len(), 2);
        let done = run(&app, &[&Subscribers], after(&app, 3, 1)).await.unwrap();
        assert_eq!(told(&done), [("subscriber_prospect".into(), 2)]);
        assert!(app.store.read(&place).await.unwrap().is_some(), "it was not taken for erased");
    }
}
