//! Somebody is erased while something of theirs is under way: a newsletter, a calculation, an order, the erasure itself.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::calculations::{ask, asked, example};
use crate::mailing::{ISSUE, done, got, readers, started};
use crate::post_office::{Answer, PostOffice};
use crate::support::{Gateway, eventually};

/// A request to be erased, proved to staff.
fn requested(gateway: &Gateway, email: &str) -> String {
    let open = ["rights", "open", "--email", email, "--right", "erasure", "--proved", "vu"];
    gateway.admin(&open)["id"].as_str().unwrap().to_owned()
}

fn erased(gateway: &Gateway, email: &str) {
    let id = requested(gateway, email);
    assert_eq!(gateway.admin(&["rights", "fulfil", &id])["state"], "fulfilled");
}

#[tokio::test]
async fn p_rights_who_is_erased_while_an_issue_is_being_sent_gets_no_letter_and_the_others_get_theirs() {
    let office = PostOffice::open(&[]).await;
    let gateway = started(&office, &[]).await;
    readers(&gateway, &office, 6).await;
    // The first hand-over waits: the issue is under way when somebody of it is erased.
    office.answer(&[Answer::Busy(4)]);
    let before = office.calls();
    gateway.admin(&["newsletter", "send", "--issue", ISSUE]);
    eventually("a call", || (office.calls() > before).then_some(())).await;
    erased(&gateway, "reader0@example.org");
    assert!(done(&gateway).is_none(), "it is still being sent");
    eventually("the end", || done(&gateway)).await;
    let got = got(&office);
    assert_eq!(got.values().collect::<Vec<_>>(), [&1; 5], "{got:?}");
    assert!(!got.contains_key("reader0@example.org"), "{got:?}");
    assert_eq!(gateway.admin(&["store", "verify"])["damaged"], json!([]));
    let again = gateway.post("/newsletter", &[("email", "reader0@example.org")]).await;
    assert_eq!(again.status(), 303, "whoever comes back is asked as anybody");
}

#[tokio::test]
async fn p_rights_who_is_erased_while_a_calculation_runs_leaves_nothing_of_it_and_the_others_go_on() {
    let mut gateway = Gateway::start().await;
    let (_, key) = gateway.client_account("a@example.org", Some("illimite"));
    let (_, other) = gateway.client_account("b@example.org", Some("illimite"));
    let mut long = example("retraite");
    long["parameters"]["simulation"]["scenarios"] = json!(200_000);
    asked(&gateway, &key, &long).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let before = gateway.admin(&["store", "verify"])["documents"].as_u64().unwrap();
    erased(&gateway, "a@example.org");
    let refused = ask(&gateway, &key, Method::GET, "/api/v1/calculations", None).await;
    assert_eq!(refused.status(), 401);
    // Its place is free at once: another client's does not wait for it.
    let id = asked(&gateway, &other, &example("rente")).await;
    let told = crate::calculations::over(&gateway, &other, &id).await;
    assert_eq!(told["state"], "done");
    gateway.kill();
    gateway.launch().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let verified = gateway.admin(&["store", "verify"]);
    assert_eq!(verified["damaged"], json!([]));
    assert!(verified["documents"].as_u64().unwrap() > 0 && before > 0, "{verified}");
    let log = gateway.log();
    assert!(!log.contains("could not be ended"), "{log}");
}

#[tokio::test]
async fn p_rights_who_is_erased_before_an_order_is_paid_is_not_brought_back_by_a_late_payment() {
    let gateway = Gateway::start().await;
    let (password, _) = gateway.client_account("a@example.org", None);
    let cookie = gateway.sign_in("a@example.org", &password).await;
    let order = [("offre", "rente"), ("cgv", "accepte")];
    let placed = gateway.post_as("/commande", &order, Some(&cookie)).await;
    assert_eq!(placed.status(), 303);
    let page = placed.headers()["location"].to_str().unwrap().replace(&gateway.url(""), "");
    erased(&gateway, "a@example.org");
    assert_eq!(gateway.admin(&["account", "list"]), json!([]));
    gateway.post_as(&page, &[("issue", "payer")], Some(&cookie)).await;
    // What was paid is in the books under an id, and the subscription ends at the processor by itself.
    eventually("what became of the payment", || {
        let orders = gateway.admin(&["orders", "list"]);
        (orders[0]["state"] != "pending").then_some(())
    })
    .await;
    let orders = gateway.admin(&["orders", "list"]).to_string();
    assert!(!orders.contains("a@example.org"), "{orders}");
    eventually("the end of what it pays for", || {
        let differs = gateway.command(&["admin", "orders", "reconcile", "--json"]).output().unwrap();
        differs.status.success().then_some(())
    })
    .await;
    assert_eq!(gateway.admin(&["account", "list"]), json!([]));
    let fields = [("email", "a@example.org"), ("mot_de_passe", password.as_str())];
    assert_eq!(gateway.post("/compte/connexion", &fields).await.status(), 401);
    assert_eq!(gateway.admin(&["store", "verify"])["damaged"], json!([]));
}

#[tokio::test]
async fn p_rights_a_process_that_is_killed_in_the_midst_of_an_erasure_ends_it_when_it_starts_again() {
    let mut gateway = Gateway::start().await;
    for (number, wait) in [0_u64, 3, 8, 15, 30, 60].into_iter().enumerate() {
        let email = format!("a{number}@example.org");
        gateway.client_account(&email, None);
        gateway.post("/newsletter", &[("email", &email)]).await;
        let id = requested(&gateway, &email);
        let asking = gateway.command(&["admin", "rights", "fulfil", &id]).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(wait)).await;
        gateway.kill();
        // Its answer never comes, or came before; then it did the work on the store itself.
        let mut asking = asking;
        asking.wait().unwrap();
        gateway.launch().await;
        let state = |gateway: &Gateway| {
            let listed = gateway.admin(&["rights", "list"]);
            let line = listed.as_array().unwrap().iter().find(|line| line["id"] == id.as_str()).cloned();
            line.unwrap()["state"].as_str().unwrap().to_owned()
        };
        if state(&gateway) == "open" {
            gateway.admin(&["rights", "fulfil", &id]);
        }
        eventually("the end of the erasure", || (state(&gateway) == "fulfilled").then_some(())).await;
        let accounts = gateway.admin(&["account", "list"]).to_string();
        assert!(!accounts.contains(&email), "{accounts}");
        assert!(!gateway.admin(&["subscribers", "list"]).to_string().contains(&email));
    }
    assert_eq!(gateway.admin(&["store", "verify"])["damaged"], json!([]));
}
