//! Erasing somebody everywhere, step by step: each may be done again, and what was interrupted goes on. What the law
//! has us archive stays in the archive, and the letter says so (GDPR art. 17.3.b).

use super::letters;
use super::request::{self, Found, Request, Right, State, Told};
use crate::accounts;
use crate::app::App;
use crate::audit::{self, Event};
use crate::inventory;
use crate::outbox;
use crate::records::RecordError;
use crate::store::Address;
use crate::suppression::{self, Reason};

/// The steps, in order.
const STEPS: [Step; 4] = [Step::NotWrittenTo, Step::Addressed, Step::Account, Step::HashAlone];

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Nothing is sent meanwhile, nor after (`p-marketing-optout`).
    NotWrittenTo,
    /// What stands under the address: the newsletter, messages and answers.
    Addressed,
    /// The account, and the organisation with its last person.
    Account,
    /// Of the address on the list of those not written to, its hash alone stays.
    HashAlone,
}

/// Begins an erasure, or goes on with it, to its end.
pub(super) async fn run(app: &App, address: &Address, why: &str) -> Result<Option<Request>, RecordError> {
    let Some(found) = request::read(app, address).await? else { return Ok(None) };
    let account = held(app, &found.request).await?;
    let begun = |before: &Request| {
        let account = account.clone();
        (before.right == Right::Erasure && before.state == State::Open).then(|| Request {
            state: State::Erasing,
            account,
            ..before.clone()
        })
    };
    let noted = Event::new(app, "erasure begun", &address.key);
    request::step(app, address, begun, |batch, _, _| audit::note(batch, &noted)).await?;
    while one(app, address).await? {}
    end(app, address, why).await
}

/// The account that is to go, noted when an erasure begins: the address is let go of before the account is closed.
pub(super) async fn held(app: &App, request: &Request) -> Result<Option<(String, String)>, RecordError> {
    let account = accounts::find(app, &request.email()?).await?;
    Ok(account.map(|account| (account.organisation, account.id)))
}

/// Every erasure that was interrupted, brought to its end.
///
/// # Errors
/// [`RecordError`].
pub async fn under_way(app: &App) -> Result<usize, RecordError> {
    let mut ended = 0;
    for Found { address, request, .. } in request::all(app, None).await? {
        if request.state == State::Erasing {
            run(app, &address, "").await?;
            ended += 1;
        }
    }
    Ok(ended)
}

/// The next step of an erasure; whether there was one.
async fn one(app: &App, address: &Address) -> Result<bool, RecordError> {
    let Some(found) = request::read(app, address).await? else { return Ok(false) };
    let done = found.request.erased;
    let Some(step) = STEPS.get(usize::from(done)).filter(|_| found.request.state == State::Erasing) else {
        return Ok(false);
    };
    take(app, &found.request, *step).await?;
    let change =
        |before: &Request| (before.erased == done).then(|| Request { erased: done + 1, ..before.clone() });
    request::step(app, address, change, |_, _, _| Ok(())).await?;
    Ok(true)
}

async fn take(app: &App, request: &Request, step: Step) -> Result<(), RecordError> {
    let email = request.email()?;
    match step {
        Step::NotWrittenTo => suppression::add(app, &email, Reason::Unsubscribe, app.clock.now()).await,
        Step::Addressed => inventory::forget_address(app, &email).await,
        Step::Account => {
            let account = match &request.account {
                Some((organisation, id)) => accounts::read(app, organisation, id).await?,
                None => accounts::find(app, &email).await?,
            };
            match account {
                Some(account) => accounts::close(app, &account, request.language).await,
                None => Ok(()),
            }
        }
        Step::HashAlone => suppression::keep_hash_alone(app, &email).await,
    }
}

/// The letter that tells the end.
async fn end(app: &App, address: &Address, why: &str) -> Result<Option<Request>, RecordError> {
    let now = app.clock.now();
    let id = address.key.as_str();
    let change = |before: &Request| {
        (before.state == State::Erasing && usize::from(before.erased) == STEPS.len()).then(|| Request {
            state: State::Fulfilled,
            closed: Some(Told { at: now, why: why.to_owned() }),
            said: String::new(),
            ..before.clone()
        })
    };
    request::step(app, address, change, |batch, key, after| {
        audit::note(batch, &Event::new(app, "erasure done", id))?;
        if after.right == Right::Directives {
            // Their author is dead: nobody is written to.
            return Ok(());
        }
        outbox::enqueue(app, batch, key, &letters::answer(id, after, "fulfilled", why, None))
    })
    .await
}

#[cfg(test)]
#[path = "erasure_kill_tests.rs"]
mod kills;

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use jiff::SignedDuration;

    use super::super::carried_out::{Way, proved};
    use super::super::request::{Channel, all};
    use super::*;
    use crate::email::Email;
    use crate::testing;

    const MESSAGE: &str = "nom=Durand&prenom=B&email=a%40example.org&raison_sociale=C&adresse=D&message=un";

    /// Somebody with an account, a subscription and a message, who asks to be erased.
    pub(super) async fn planted(app: &crate::app::SharedApp) -> Address {
        testing::account(app, "a@example.org").await;
        testing::post(app, "/contact", &HeaderMap::new(), MESSAGE).await;
        testing::post(app, "/newsletter", &HeaderMap::new(), "email=a%40example.org").await;
        let email = Email::parse("a@example.org").unwrap();
        let request =
            Request::new(Right::Erasure, &email, aops_manifest::Language::Fr, Channel::Form, app.clock.now());
        let id = request::new_id().unwrap();
        request::keep(app, &id, &request, |_, _| Ok(())).await.unwrap();
        let address = all(app, Some(&email)).await.unwrap()[0].address.clone();
        proved(app, &address, Way::Link).await.unwrap().unwrap();
        address
    }

    pub(super) async fn left(app: &App) -> Vec<String> {
        let email = Email::parse("a@example.org").unwrap();
        let about = inventory::about_address(app, &email).await.unwrap();
        let mut left: Vec<String> = about["records"].as_object().unwrap().keys().cloned().collect();
        left.retain(|kept| kept != "rights_requests");
        if accounts::find(app, &email).await.unwrap().is_some() {
            left.push("accounts".into());
        }
        left
    }

    #[tokio::test]
    async fn p_rights_an_erasure_that_a_kill_interrupts_at_any_step_is_brought_to_its_end() {
        for steps in 0..=STEPS.len() {
            let folder = tempfile::tempdir().unwrap();
            let app = testing::shared(folder.path()).await;
            let address = planted(&app).await;
            assert!(!left(&app).await.is_empty());
            let begun = |before: &Request| Some(Request { state: State::Erasing, ..before.clone() });
            request::step(&app, &address, begun, |_, _, _| Ok(())).await.unwrap();
            for _ in 0..steps {
                assert!(one(&app, &address).await.unwrap());
            }
            drop(app);
            let app = testing::app(folder.path(), SignedDuration::ZERO).await;
            assert_eq!(under_way(&app).await.unwrap(), 1);
            assert_eq!(left(&app).await, ["suppressions"], "after {steps} steps");
            let request = request::read(&app, &address).await.unwrap().unwrap().request;
            assert_eq!((request.state, request.said.as_str()), (State::Fulfilled, ""));
            assert_eq!(under_way(&app).await.unwrap(), 0);
        }
    }

    #[tokio::test]
    async fn p_marketing_optout_who_was_erased_is_not_written_to_and_their_hash_alone_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let address = planted(&app).await;
        run(&app, &address, "").await.unwrap().unwrap();
        let email = Email::parse("a@example.org").unwrap();
        let blocked = suppression::blocks(&app, &email, outbox::Purpose::Newsletter).await.unwrap();
        assert!(blocked.is_some());
        let listed = suppression::list(&app).await.unwrap();
        assert_eq!(listed.iter().map(|line| line.email.clone()).collect::<Vec<_>>(), [None]);
        let verified = crate::records::verify(&app, &inventory::SHAPES).await.unwrap();
        assert_eq!(verified.damaged, []);
    }
}
