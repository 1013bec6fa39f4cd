//! Refused sign-ins in the audit log. A write at the moment of a refusal would tell, by the time that it takes, which
//! addresses have an account: refusals are counted in memory, and entered by the minute, a line an account.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Account;
use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::edge::prefix::Truncated;
use crate::records::RecordError;

/// Between two entries of an account.
const PERIOD: Duration = Duration::from_secs(60);
/// Accounts that wait for their entry; of more, the log of the process alone tells.
const MOST: usize = 10_000;

/// Refusals since the last entry, by account.
#[derive(Debug, Default)]
pub struct RefusedSignIns(Mutex<BTreeMap<String, Refused>>);

#[derive(Debug)]
struct Refused {
    /// The first of them.
    event: Event,
    times: u32,
}

impl RefusedSignIns {
    /// Counts one refusal of an account that exists.
    pub(super) fn saw(&self, app: &App, account: &Account, peer: IpAddr) {
        let mut waiting = self.locked();
        let full = waiting.len() >= MOST;
        match waiting.entry(account.id.clone()) {
            Entry::Occupied(mut refused) => {
                let times = &mut refused.get_mut().times;
                *times = times.saturating_add(1);
            }
            Entry::Vacant(_) if full => {
                tracing::warn!(account = account.id, "a refused sign-in has no room in the audit log");
            }
            Entry::Vacant(place) => {
                let event = Event::new(app, "sign in refused", &account.id).concerning(&account.organisation);
                let from = Some(Truncated(peer).to_string());
                place.insert(Refused { event: Event { from, ..event }, times: 1 });
            }
        }
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, Refused>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Enters what was counted, minute by minute.
pub async fn follow(app: SharedApp) {
    loop {
        tokio::time::sleep(PERIOD).await;
        if let Err(error) = enter(&app).await {
            tracing::warn!(%error, "refused sign-ins could not be entered in the audit log; they wait");
        }
    }
}

/// Enters what was counted until now; what cannot be entered goes on waiting.
///
/// # Errors
/// [`RecordError`].
pub async fn enter(app: &App) -> Result<(), RecordError> {
    let counted = std::mem::take(&mut *app.refused_sign_ins.locked());
    let mut left = counted.into_iter();
    while let Some((account, refused)) = left.next() {
        let reason = (refused.times > 1).then(|| format!("{} times", refused.times));
        let entered = audit::record(app, &Event { reason, ..refused.event.clone() }).await;
        if entered.is_err() {
            let mut waiting = app.refused_sign_ins.locked();
            for (account, refused) in std::iter::once((account, refused)).chain(left) {
                let times = refused.times;
                waiting.entry(account).and_modify(|newer| newer.times += times).or_insert(refused);
            }
            return entered;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn p_access_control_refused_sign_ins_are_entered_once_a_minute_and_by_account_alone() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let account = testing::account(&app, "a@example.com").await;
        for email in ["a", "a", "a", "nobody"] {
            let form = format!("email={email}%40example.com&mot_de_passe=faux");
            let answer = testing::post(&app, "/compte/connexion", &HeaderMap::new(), &form).await;
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        }
        let refused = async || {
            audit::settle(&app).await.unwrap();
            let part = audit::part(&app, &account.organisation, None).await.unwrap();
            let refused = part.events.into_iter().filter(|event| event.action == "sign in refused");
            refused.map(|event| (event.object, event.reason, event.from.is_some())).collect::<Vec<_>>()
        };
        assert!(refused().await.is_empty(), "nothing is written while one may look at the clock");
        enter(&app).await.unwrap();
        assert_eq!(refused().await, [(account.id.clone(), Some("3 times".to_owned()), true)]);
        enter(&app).await.unwrap();
        assert_eq!(refused().await.len(), 1, "once");
    }
}
