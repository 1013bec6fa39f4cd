//! Training and agreements of secrecy that come to their end: the officer is written to a month and a week before, and
//! once it is over, each time once (`p-staff-secrecy`).

use std::time::Duration;

use aops_manifest::Language;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::duties::{self, Duties, Duty};
use super::{Account, list};
use crate::app::{App, SharedApp};
use crate::outbox::{self, Mail, Purpose};
use crate::records::{self, RecordError};
use crate::store::{Batch, StoreError};
use crate::working_days;

const PERIOD: Duration = Duration::from_secs(3_600);
/// How long before the end, in this order, and once it is there.
const REMINDERS: [SignedDuration; 3] =
    [SignedDuration::from_hours(30 * 24), SignedDuration::from_hours(7 * 24), SignedDuration::ZERO];

/// Looks now and then, until it is aborted.
pub async fn follow(app: SharedApp) {
    loop {
        if let Err(error) = look(&app).await {
            tracing::warn!(%error, "the dates of staff could not be looked at");
        }
        tokio::time::sleep(PERIOD).await;
    }
}

async fn look(app: &App) -> Result<(), RecordError> {
    for account in list(app).await?.into_iter().filter(|account| account.role.is_staff()) {
        for duty in Duty::ALL {
            remind(app, &account, duty).await?;
        }
    }
    Ok(())
}

/// The letter that is due for a duty of somebody, with the mark that it was written.
async fn remind(app: &App, account: &Account, duty: Duty) -> Result<(), RecordError> {
    let now = app.clock.now();
    loop {
        let (mut found, expect) = duties::read(app, account).await?;
        let Some(end) = found.end(duty) else { return Ok(()) };
        let wanted = reminders(end, now);
        if found.reminded(duty) >= wanted {
            return Ok(());
        }
        found.remind(duty, wanted);
        let mut batch = Batch::new(&account.organisation);
        let key = records::subject_key(app, &account.organisation, &account.id, &mut batch).await?;
        duties::put(&mut batch, &key, account, &found, expect)?;
        outbox::enqueue(app, &mut batch, &key, &letter(app, account, &found, duty, end))?;
        match app.store.commit(batch).await {
            Ok(()) => {
                app.outbox.wake();
                return Ok(());
            }
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// How many letters there should have been by now.
fn reminders(end: Date, now: Timestamp) -> u8 {
    let left = working_days::start_of(end).duration_since(now);
    REMINDERS.iter().fold(0, |sent, before| sent + u8::from(left <= *before))
}

fn letter(app: &App, account: &Account, found: &Duties, duty: Duty, end: Date) -> Mail {
    let late = found.reminded(duty) as usize == REMINDERS.len();
    let officer = app.settings.company.get("dpo_email").unwrap_or(&app.settings.mail.staff);
    Mail {
        to: officer.clone(),
        reply_to: None,
        template: "equipe_echeance".into(),
        language: Language::Fr,
        purpose: Purpose::Staff,
        context: json!({
            "state": if late { "late" } else { "reminder" },
            "duty": duty.word(),
            "email": account.email,
            "end": end,
        }),
        unsubscribe: None,
        subject: account.id.clone(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::accounts::{self, NewAccount, Role, change_duties};
    use crate::email::Email;
    use crate::testing;

    async fn support(app: &App) -> Account {
        let new = NewAccount {
            email: Email::parse("s@example.com").unwrap(),
            password: String::from(testing::PASSWORD).into(),
            role: Role::Support,
            verified: true,
        };
        accounts::create(app, new).await.unwrap()
    }

    async fn note(app: &App, account: &Account, trained: Date, secrecy: Date) {
        let noted = change_duties(app, account, "staff dates noted", None, |duties| {
            duties.trained = Some(trained);
            duties.secrecy = Some(secrecy);
        });
        noted.await.unwrap();
    }

    async fn told(app: &App) -> Vec<(String, String)> {
        let letters = testing::letters(app).await.into_iter();
        let mine = letters.filter(|mail| mail.template == "equipe_echeance");
        let word = |mail: &Mail, name: &str| mail.context[name].as_str().unwrap().to_owned();
        mine.map(|mail| (word(&mail, "duty"), word(&mail, "state"))).collect()
    }

    #[tokio::test]
    async fn p_staff_secrecy_the_officer_hears_before_training_or_secrecy_ends_and_each_time_once() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::app(folder.path(), SignedDuration::ZERO).await;
        let account = support(&app).await;
        testing::account(&app, "client@example.com").await;
        let now = app.clock.now();
        let today = now.to_zoned_datetime(TimeZone::UTC).date();
        note(&app, &account, today, today).await;
        look(&app).await.unwrap();
        assert_eq!(told(&app).await.len(), 0);
        drop(app);
        let end = today.checked_add(1.years()).unwrap();
        let left = working_days::start_of(end).duration_since(now);
        for (before, letters) in [(40, 0), (29, 1), (29, 1), (6, 2), (-1, 3), (-100, 3)] {
            let ahead = left - SignedDuration::from_hours(24 * before);
            let app = testing::app(folder.path(), ahead).await;
            look(&app).await.unwrap();
            assert_eq!(told(&app).await.len(), letters, "{before} days before");
        }
        let app = testing::app(folder.path(), left).await;
        assert!(told(&app).await.iter().all(|(duty, _)| duty == "training"), "secrecy holds three years");
        assert_eq!(told(&app).await.last().unwrap().1, "late");
        // A new training begins it anew.
        let account =
            accounts::list(&app).await.unwrap().into_iter().find(|one| one.id == account.id).unwrap();
        note(&app, &account, end, today).await;
        look(&app).await.unwrap();
        assert_eq!(told(&app).await.len(), 3);
        drop(app);
        let app = testing::app(folder.path(), left + SignedDuration::from_hours(24 * 350)).await;
        look(&app).await.unwrap();
        assert_eq!(told(&app).await.len(), 4);
    }
}
