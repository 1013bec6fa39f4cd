use super::super::desk::act;
use super::super::desk::tests::report;
use super::super::{Data, Scope};
use super::*;
use crate::testing;

#[tokio::test]
async fn p_breach_notice_the_officer_hears_of_the_clock_until_the_authority_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    act(&app, report(&[Data::Orders], Scope::All, false)).await.unwrap();
    drop(app);
    for (hours, told) in [(1, 1), (25, 2), (30, 2), (49, 3), (67, 4), (73, 5), (1_000, 5)] {
        let app = testing::app(folder.path(), SignedDuration::from_hours(hours)).await;
        look(&app).await.unwrap();
        let letters = testing::letters(&app).await.into_iter();
        let mine = letters.filter(|mail| mail.template == "violation_delegue").count();
        assert_eq!(mine, told, "after {hours} hours");
    }
}

#[tokio::test]
async fn p_breach_notice_letters_that_a_kill_interrupts_go_on_and_nobody_gets_two() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    for n in 0..3 {
        testing::account(&app, &format!("client{n}@example.com")).await;
    }
    let line = act(&app, report(&[Data::Calculations], Scope::All, false)).await.unwrap();
    let id = line["id"].as_str().unwrap().to_owned();
    // As a kill leaves it after the first letter.
    let back = |before: &Breach| {
        Some(Breach {
            to_tell: vec![super::super::register::Audience::Clients],
            told_up_to: Some("client0@example.com".into()),
            letters: 1,
            ..before.clone()
        })
    };
    register::step(&app, &id, back, |_, _, _| Ok(())).await.unwrap();
    look(&app).await.unwrap();
    let (breach, _) = register::read(&app, &id).await.unwrap().unwrap();
    assert_eq!((breach.letters, breach.to_tell.len()), (3, 0));
    look(&app).await.unwrap();
    let (breach, _) = register::read(&app, &id).await.unwrap().unwrap();
    assert_eq!(breach.letters, 3);
}
