use http::HeaderMap;
use jiff::{SignedDuration, ToSpan};

use super::super::follow;
use super::*;
use crate::accounts::{NewAccount, Role};
use crate::email::Email;
use crate::outbox::Mail;
use crate::testing;

fn processor(name: &str) -> Processor {
    Processor {
        name: name.into(),
        role: "hébergement".into(),
        country: "France".into(),
        safeguard: "aucun transfert".into(),
    }
}

/// The list with one more.
fn longer(app: &App) -> Vec<Processor> {
    let mut declared = app.settings.processors.clone();
    declared.push(processor("Autre"));
    declared
}

fn in_days(app: &App, days: i64) -> Date {
    working_days::today(app.clock.now()).checked_add(days.days()).unwrap()
}

async fn told(app: &App) -> Vec<Mail> {
    let letters = testing::letters(app).await.into_iter();
    let mut told: Vec<Mail> = letters.filter(|mail| mail.template == "prestataires").collect();
    told.sort_by(|one, other| one.to.cmp(&other.to));
    told
}

#[tokio::test]
async fn p_subprocessors_a_change_of_the_list_is_told_to_every_client_once_with_its_day() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    follow::look(&app).await.unwrap();
    assert_eq!(told(&app).await.len(), 0, "the first list is no change");
    for email in ["one@example.com", "two@example.com"] {
        testing::account(&app, email).await;
    }
    let staff = NewAccount {
        email: Email::parse("s@example.com").unwrap(),
        password: String::from(testing::PASSWORD).into(),
        role: Role::Support,
        verified: true,
    };
    crate::accounts::create(&app, staff).await.unwrap();
    testing::post(&app, "/newsletter", &HeaderMap::new(), "email=reader%40example.org").await;
    let applies = in_days(&app, 30);
    let line = act(&app, Act::Announce { declared: longer(&app), applies }).await.unwrap();
    assert_eq!((&line["number"], &line["letters"], &line["told"]), (&json!(2), &json!(2), &json!(true)));
    assert_eq!((&line["in_force"], &line["to_come"]), (&json!(false), &json!(true)));
    let letters = told(&app).await;
    let to: Vec<&str> = letters.iter().map(|mail| mail.to.as_str()).collect();
    assert_eq!(to, ["one@example.com", "two@example.com"]);
    let context = &letters[0].context;
    assert_eq!((&context["applies"], &context["added"][0]["name"]), (&json!(applies), &json!("Autre")));
    assert_eq!((&context["removed"], &context["changed"]), (&json!([]), &json!([])));
    assert!(context["link"].as_str().unwrap().ends_with("/espace-client/confidentialite#prestataires"));
    // Neither a look nor the same command again writes to anybody twice.
    follow::look(&app).await.unwrap();
    let again = act(&app, Act::Announce { declared: longer(&app), applies }).await;
    assert!(matches!(again, Err(AnnounceError::Same)));
    assert_eq!(told(&app).await.len(), 2);
}

#[tokio::test]
async fn p_subprocessors_letters_that_a_kill_interrupts_go_on_and_nobody_gets_two() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    follow::look(&app).await.unwrap();
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(testing::account(&app, &format!("client{n}@example.com")).await.id);
    }
    ids.sort();
    // Entered, and killed before the first letter.
    let number = announce(&app, longer(&app), in_days(&app, 5)).await.unwrap();
    assert_eq!(told(&app).await.len(), 0);
    follow::look(&app).await.unwrap();
    assert_eq!(told(&app).await.len(), 3);
    // As a kill leaves it after the first letter of another one.
    let declared = vec![processor("Seul")];
    let number = announce(&app, declared, in_days(&app, 6)).await.unwrap().max(number + 1);
    let (before, version) = announcement::read(&app, number).await.unwrap().unwrap();
    let mut batch = Batch::new(PARTITION);
    let halfway = Announcement { told_up_to: Some(ids[0].clone()), letters: 1, ..before };
    announcement::put(&mut batch, number, &halfway, Expect::Version(version)).unwrap();
    app.store.commit(batch).await.unwrap();
    drop(app);
    let app = testing::app(folder.path(), SignedDuration::ZERO).await;
    follow::look(&app).await.unwrap();
    follow::look(&app).await.unwrap();
    let (after, _) = announcement::read(&app, number).await.unwrap().unwrap();
    assert_eq!((after.letters, after.telling), (3, false));
    assert_eq!(told(&app).await.len(), 3 + 2);
}

#[tokio::test]
async fn p_subprocessors_what_is_told_applies_later_and_the_history_keeps_every_list() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    follow::look(&app).await.unwrap();
    let first = app.settings.processors.clone();
    for (declared, applies, why) in [
        (longer(&app), in_days(&app, 0), "is not to come"),
        (longer(&app), in_days(&app, -3), "is not to come"),
        (Vec::new(), in_days(&app, 9), "names nobody"),
        (first.clone(), in_days(&app, 9), "announced last"),
    ] {
        let refused = act(&app, Act::Announce { declared, applies }).await.unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
    act(&app, Act::Announce { declared: longer(&app), applies: in_days(&app, 10) }).await.unwrap();
    let before = Act::Announce { declared: vec![processor("Seul")], applies: in_days(&app, 9) };
    assert!(matches!(act(&app, before).await, Err(AnnounceError::Before(_))));
    let names = async |days: i64| {
        let history = history(&app, in_days(&app, days)).await.unwrap();
        let in_force = history.iter().find(|one| one.in_force).unwrap();
        (history.len(), in_force.processors.len(), history.iter().filter(|one| one.to_come).count())
    };
    assert_eq!(names(9).await, (2, first.len(), 1));
    assert_eq!(names(10).await, (2, first.len() + 1, 0));
    let listed = act(&app, Act::List).await.unwrap();
    assert_eq!((&listed[0]["number"], &listed[1]["number"]), (&json!(2), &json!(1)), "the newest first");
}
