use super::*;
use crate::testing;

fn create(email: &str, password: &str, plan: Option<&str>) -> Command {
    Command::AccountCreate {
        email: email.into(),
        password: password.into(),
        verified: true,
        plan: plan.map(str::to_owned),
        role: Role::Owner,
        trained: None,
        secrecy: None,
    }
}

#[tokio::test]
async fn staff_make_an_account_with_a_plan_and_a_key_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::app(folder.path(), SignedDuration::ZERO).await;
    let made = execute(&app, create("a@example.com", testing::PASSWORD, Some("illimite"))).await.unwrap();
    let listed = execute(&app, Command::AccountList).await.unwrap();
    assert_eq!(listed[0]["id"], made["id"]);
    assert_eq!(listed[0]["email"], "a@example.com");
    assert!(!listed.to_string().contains("argon2"));
    let organisation = made["organisation"].as_str().unwrap();
    assert!(checkout::may(&app, organisation, "provisionnement").await.unwrap());
    let key = execute(&app, Command::ApikeyCreate { account: "A@example.com".into() }).await.unwrap();
    assert!(key["key"].as_str().unwrap().contains(key["id"].as_str().unwrap()));
    assert_eq!(execute(&app, Command::OrdersList).await.unwrap(), json!([]));
}

#[tokio::test]
async fn what_cannot_be_made_is_told_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::app(folder.path(), SignedDuration::ZERO).await;
    for (command, why) in [
        (create("pas-une-adresse", testing::PASSWORD, None), "no e-mail address"),
        (create("a@example.com", "court", None), "fewer than 12"),
        (create("a@example.com", testing::PASSWORD, Some("platine")), "no plan `platine`"),
        (Command::ApikeyCreate { account: "a@example.com".into() }, "no account"),
        (Command::BanAdd { block: "999.1.1.1".into(), seconds: None }, "neither an address"),
        (Command::BanAdd { block: "0.0.0.0/0".into(), seconds: Some(60) }, "too wide"),
        (Command::BanAdd { block: "::/0".into(), seconds: None }, "too wide"),
        (Command::BanRemove { block: "192.0.2.0/24".into() }, "is not banned"),
    ] {
        let error = execute(&app, command).await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    assert_eq!(execute(&app, Command::AccountList).await.unwrap(), json!([]));
}

#[tokio::test]
async fn an_address_has_one_account_whatever_its_case_and_however_many_ask_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::app(folder.path(), SignedDuration::ZERO).await;
    let asked = ["a@example.com", "A@example.com", "a@EXAMPLE.com", "A@Example.Com"];
    let made = asked.map(|email| execute(&app, create(email, testing::PASSWORD, None)));
    let made = futures::future::join_all(made).await;
    assert_eq!(made.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(execute(&app, Command::AccountList).await.unwrap().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_ban_is_in_force_at_once_listed_and_lifted() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::app(folder.path(), SignedDuration::ZERO).await;
    let address = "192.0.2.7".parse().unwrap();
    let ban = Command::BanAdd { block: "192.0.2.0/24".into(), seconds: Some(60) };
    execute(&app, ban).await.unwrap();
    assert!(app.blocklist.refuses(address, app.clock.now()));
    let listed = execute(&app, Command::BanList).await.unwrap();
    assert_eq!(listed[0]["net"], "192.0.2.0/24");
    assert_eq!(
        bans::stored(app.store.as_ref(), app.clock.now()).await.unwrap(),
        app.blocklist.bans(app.clock.now())
    );
    execute(&app, Command::BanRemove { block: "192.0.2.0/24".into() }).await.unwrap();
    assert!(!app.blocklist.refuses(address, app.clock.now()));
    assert_eq!(execute(&app, Command::BanList).await.unwrap(), json!([]));
}
