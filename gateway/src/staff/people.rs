//! `aops admin staff`: AOPS's own people, their training and agreements of secrecy, and what they are for an hour.

use jiff::SignedDuration;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::StaffError;
use crate::accounts::{self, Account, Duties, ELEVATED, Elevation, Role};
use crate::app::App;
use crate::email::Email;

/// The longest reason, in characters.
const REASON: usize = 200;

/// What is asked about staff.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum StaffAct {
    /// `staff list`: who they are and whether they may see anything; to be gone through from time to time.
    List,
    /// `staff note`: dates of training and of the agreement of secrecy.
    Note {
        /// The account's address.
        email: String,
        /// The last training.
        trained: Option<Date>,
        /// The last agreement.
        secrecy: Option<Date>,
    },
    /// `staff elevate`: another role for a while.
    Elevate {
        /// The account's address.
        email: String,
        /// The role.
        role: Role,
        /// For so many minutes.
        minutes: u16,
        /// Why: it is entered in the audit log.
        reason: String,
    },
    /// `staff lower`: the end of it.
    Lower {
        /// The account's address.
        email: String,
    },
}

impl std::fmt::Debug for StaffAct {
    /// Its words alone: no address in a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.told().0)
    }
}

impl StaffAct {
    /// Its words, and the address that it is about.
    pub(super) fn told(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::List => ("staff list", None),
            Self::Note { email, .. } => ("staff note", Some(email)),
            Self::Elevate { email, .. } => ("staff elevate", Some(email)),
            Self::Lower { email } => ("staff lower", Some(email)),
        }
    }
}

/// Carries it out.
///
/// # Errors
/// [`StaffError`].
pub(super) async fn execute(app: &App, act: StaffAct) -> Result<Value, StaffError> {
    match act {
        StaffAct::List => {
            let mut lines = Vec::new();
            for account in accounts::list(app).await?.into_iter().filter(|one| one.role.is_staff()) {
                let duties = accounts::duties(app, &account).await?;
                lines.push(line(app, &account, &duties));
            }
            Ok(lines.into())
        }
        StaffAct::Note { email, trained, secrecy } => {
            let account = of_staff(app, &email).await?;
            Ok(line(app, &account, &note(app, &account, trained, secrecy).await?))
        }
        StaffAct::Elevate { email, role, minutes, reason } => {
            let account = of_staff(app, &email).await?;
            let time = SignedDuration::from_mins(i64::from(minutes));
            let reason = reason.trim();
            if minutes == 0 || time > ELEVATED || !role.is_staff() {
                return Err(StaffError::Elevation);
            }
            if reason.is_empty() || reason.chars().count() > REASON || reason.chars().any(char::is_control) {
                return Err(StaffError::Reason);
            }
            let until = app.clock.now().saturating_add(time).map_err(|_| StaffError::Elevation)?;
            let duties = accounts::change_duties(app, &account, "staff elevated", Some(reason), |duties| {
                duties.elevation = Some(Elevation { role, until });
            });
            Ok(line(app, &account, &duties.await?))
        }
        StaffAct::Lower { email } => {
            let account = of_staff(app, &email).await?;
            let duties = accounts::change_duties(app, &account, "staff lowered", None, |duties| {
                duties.elevation = None;
            });
            Ok(line(app, &account, &duties.await?))
        }
    }
}

/// Notes dates of somebody of staff.
///
/// # Errors
/// [`StaffError`].
pub(super) async fn note(
    app: &App,
    account: &Account,
    trained: Option<Date>,
    secrecy: Option<Date>,
) -> Result<Duties, StaffError> {
    let noted = accounts::change_duties(app, account, "staff dates noted", None, |duties| {
        duties.trained = trained.or(duties.trained);
        duties.secrecy = secrecy.or(duties.secrecy);
    });
    Ok(noted.await?)
}

async fn of_staff(app: &App, email: &str) -> Result<Account, StaffError> {
    let address = Email::parse(email).map_err(|_| StaffError::Email(email.to_owned()))?;
    let found = accounts::find(app, &address).await?;
    let account = found.ok_or_else(|| StaffError::NoAccount(email.to_owned()))?;
    if account.role.is_staff() { Ok(account) } else { Err(StaffError::NotStaff(email.to_owned())) }
}

fn line(app: &App, account: &Account, duties: &Duties) -> Value {
    let now = app.clock.now();
    json!({
        "id": account.id,
        "email": account.email,
        "role": account.role,
        "trained": duties.trained,
        "secrecy": duties.secrecy,
        "access": duties.hold(now),
        "elevated": duties.elevated(now),
        "until": duties.elevation.filter(|elevation| now < elevation.until).map(|elevation| elevation.until),
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Method;

    use super::*;
    use crate::accounts::NewAccount;
    use crate::app::SharedApp;
    use crate::testing;

    async fn support(app: &SharedApp) -> Account {
        let new = NewAccount {
            email: Email::parse("s@example.com").unwrap(),
            password: String::from(testing::PASSWORD).into(),
            role: Role::Support,
            verified: true,
        };
        accounts::create(app, new).await.unwrap()
    }

    async fn status(app: &SharedApp, account: &Account, path: &str) -> u16 {
        let session = testing::signed_in(app, account).await;
        testing::ask(app, Method::GET, path, &session, Body::empty()).await.status().as_u16()
    }

    fn noted(day: &str) -> StaffAct {
        let day = Some(day.parse().unwrap());
        StaffAct::Note { email: "s@example.com".into(), trained: day, secrecy: day }
    }

    #[tokio::test]
    async fn p_staff_secrecy_who_is_not_trained_or_has_not_signed_sees_nothing_of_clients() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let account = support(&app).await;
        let desk = "/equipe/courrier";
        assert_eq!(status(&app, &account, desk).await, 403);
        let today = app.clock.now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
        execute(&app, noted(&today.to_string())).await.unwrap();
        assert_ne!(status(&app, &account, desk).await, 403);
        execute(&app, noted("2020-01-01")).await.unwrap();
        assert_eq!(status(&app, &account, desk).await, 403, "both are over");
        let listed = execute(&app, StaffAct::List).await.unwrap();
        assert_eq!((&listed[0]["access"], &listed[0]["trained"]), (&json!(false), &json!("2020-01-01")));
        let client = testing::account(&app, "c@example.com").await;
        assert_eq!(status(&app, &client, desk).await, 404);
        let refused = execute(&app, StaffAct::Lower { email: "c@example.com".into() }).await;
        assert!(matches!(refused, Err(StaffError::NotStaff(_))));
    }

    #[tokio::test]
    async fn p_access_control_an_elevation_has_a_reason_and_ends_within_the_hour() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let account = support(&app).await;
        let today = app.clock.now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
        execute(&app, noted(&today.to_string())).await.unwrap();
        let page = "/equipe/passerelle";
        assert_eq!(status(&app, &account, page).await, 403);
        let elevate = |minutes, role, reason: &str| StaffAct::Elevate {
            email: "s@example.com".into(),
            role,
            minutes,
            reason: reason.into(),
        };
        for wrong in [
            elevate(61, Role::Operator, "ticket 12"),
            elevate(0, Role::Operator, "ticket 12"),
            elevate(30, Role::Operator, "  "),
            elevate(30, Role::Operator, "a\nb"),
            elevate(30, Role::Owner, "ticket 12"),
        ] {
            assert!(execute(&app, wrong).await.is_err());
        }
        assert_eq!(status(&app, &account, page).await, 403);
        execute(&app, elevate(30, Role::Operator, "ticket 12")).await.unwrap();
        assert_ne!(status(&app, &account, page).await, 403);
        crate::audit::settle(&app).await.unwrap();
        let part = crate::audit::part(&app, &account.organisation, None).await.unwrap();
        let entered = part.events.iter().find(|event| event.action == "staff elevated").unwrap();
        assert_eq!(entered.reason.as_deref(), Some("ticket 12"));
        drop(app);
        let app = std::sync::Arc::new(testing::app(folder.path(), SignedDuration::from_mins(31)).await);
        assert_eq!(status(&app, &account, page).await, 403, "it is over");
        execute(&app, elevate(30, Role::Operator, "ticket 13")).await.unwrap();
        execute(&app, StaffAct::Lower { email: "s@example.com".into() }).await.unwrap();
        assert_eq!(status(&app, &account, page).await, 403);
    }
}
