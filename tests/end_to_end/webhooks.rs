//! Webhooks against the built binary and a real server of a client: signed, tried again, lost by no kill, and never sent
//! to a place inside.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::receiver::{Answer, Call, Receiver};
use crate::support::{Gateway, REPOSITORY, eventually};

const ALL: &str = "/api/v1/webhooks";
const CALCULATIONS: &str = "/api/v1/calculations";

async fn ask(gateway: &Gateway, key: &str, method: Method, path: &str, body: Option<&Value>) -> Response {
    let mut request = gateway.client().request(method, gateway.url(path)).bearer_auth(key);
    if let Some(body) = body {
        request = request.json(body);
    }
    request.send().await.unwrap()
}

/// A gateway that may call this receiver, with a client and its key.
async fn gateway(receiver: &Receiver) -> (Gateway, String) {
    let here = receiver.address().to_string();
    let gateway = Gateway::start_with(&[("AOPS_LIMITS_FACTOR", "1000"), ("AOPS_WEBHOOKS_HERE", &here)]).await;
    let (_, key) = gateway.client_account("client@example.org", Some("illimite"));
    (gateway, key)
}

/// Registers a webhook: its id and its secret.
async fn registered(gateway: &Gateway, key: &str, url: &str) -> (String, String) {
    let answer = ask(gateway, key, Method::POST, ALL, Some(&json!({ "url": url }))).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let told: Value = answer.json().await.unwrap();
    (told["id"].as_str().unwrap().to_owned(), told["secret"].as_str().unwrap().to_owned())
}

async fn calculated(gateway: &Gateway, key: &str, module: &str, wrong: bool) -> String {
    let path = format!("{REPOSITORY}/engine/data/examples/{module}.json");
    let mut parameters: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    if wrong {
        parameters = json!({});
    }
    let body = json!({ "module": module, "name": "Durand Claire", "parameters": parameters });
    let told: Value = ask(gateway, key, Method::POST, CALCULATIONS, Some(&body)).await.json().await.unwrap();
    let id = told["id"].as_str().unwrap().to_owned();
    for _ in 0..600 {
        let path = format!("{CALCULATIONS}/{id}");
        let told: Value = ask(gateway, key, Method::GET, &path, None).await.json().await.unwrap();
        if !["queued", "running"].contains(&told["state"].as_str().unwrap()) {
            return id;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{id} does not end");
}

async fn deliveries(gateway: &Gateway, key: &str, webhook: &str) -> Vec<Value> {
    let path = format!("{ALL}/{webhook}/deliveries");
    let told: Value = ask(gateway, key, Method::GET, &path, None).await.json().await.unwrap();
    told["deliveries"].as_array().unwrap().clone()
}

/// The message of a webhook that was tried and is in this state, once there is one.
async fn in_state(gateway: &Gateway, key: &str, webhook: &str, state: &str) -> Value {
    let tried = |one: &Value| one["attempts"].as_array().is_some_and(|attempts| !attempts.is_empty());
    for _ in 0..400 {
        let all = deliveries(gateway, key, webhook).await;
        if let Some(found) = all.into_iter().find(|one| one["state"] == state && tried(one)) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no message is {state}: {:?}", deliveries(gateway, key, webhook).await);
}

async fn call(receiver: &Receiver, number: usize) -> Call {
    eventually("a call", || receiver.calls().get(number).cloned()).await
}

#[tokio::test]
async fn the_end_of_a_calculation_is_told_signed_and_says_nothing_of_anybody() {
    let receiver = Receiver::open(&[]).await;
    let (gateway, key) = gateway(&receiver).await;
    let (webhook, secret) = registered(&gateway, &key, &receiver.url("/aops?token=jeton")).await;
    let done = calculated(&gateway, &key, "courbe", false).await;
    let first = call(&receiver, 0).await;
    assert_eq!(first.signed_by(&[&secret]), [true]);
    assert_eq!((first.path.as_str(), first.signatures.len()), ("/aops?token=jeton", 1));
    assert!(first.id.starts_with("msg_") && first.head.contains("content-type: application/json"));
    let told = first.told();
    assert_eq!(told["type"], "calculation.completed");
    assert_eq!(told["data"], json!({ "id": done, "module": "courbe", "state": "done" }));
    assert!(!first.body.contains("Durand"), "{}", first.body);
    let failed = calculated(&gateway, &key, "ifc", true).await;
    let told = call(&receiver, 1).await.told();
    assert_eq!(told["type"], "calculation.failed");
    assert_eq!(told["data"], json!({ "id": failed, "module": "ifc", "state": "failed" }));
    // Another secret, with the one before for a day.
    let path = format!("{ALL}/{webhook}/secret");
    let renewed: Value = ask(&gateway, &key, Method::POST, &path, None).await.json().await.unwrap();
    let renewed = renewed["secret"].as_str().unwrap();
    let tested = ask(&gateway, &key, Method::POST, &format!("{ALL}/{webhook}/test"), None).await;
    assert_eq!(tested.status(), 202);
    let test = call(&receiver, 2).await;
    assert_eq!(test.told()["type"], "webhook.test");
    assert_eq!((test.signed_by(&[renewed, &secret]), test.signatures.len()), (vec![true, true], 2));
    // One that was had is sent again under its name.
    let delivered = in_state(&gateway, &key, &webhook, "delivered").await;
    let path = format!("{ALL}/{webhook}/deliveries/{}/retry", first.id);
    assert_eq!(ask(&gateway, &key, Method::POST, &path, None).await.status(), 202);
    let again = call(&receiver, 3).await;
    assert_eq!((again.id, again.body), (first.id, first.body));
    assert_eq!(delivered["attempts"][0]["status"], 204);
    let kept = std::fs::read(gateway.data().join("aops.redb")).unwrap();
    for planted in [secret.as_bytes(), renewed.as_bytes(), b"token=jeton"] {
        assert!(
            !kept.windows(planted.len()).any(|window| window == planted),
            "it stands in clear in the store"
        );
    }
    let (_, stranger) = gateway.client_account("autre@example.org", Some("illimite"));
    for path in ["", "/deliveries"] {
        let answer = ask(&gateway, &stranger, Method::GET, &format!("{ALL}/{webhook}{path}"), None).await;
        assert_eq!(answer.status(), 404, "{path}");
    }
    assert_eq!(ask(&gateway, &key, Method::DELETE, &format!("{ALL}/{webhook}"), None).await.status(), 204);
    calculated(&gateway, &key, "courbe", false).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(receiver.calls().len(), 4, "what was removed hears nothing");
}

#[tokio::test]
async fn what_fails_is_tried_again_under_the_same_name_and_is_followed_and_read_nowhere() {
    let receiver = Receiver::open(&[Answer::Status(500)]).await;
    let (gateway, key) = gateway(&receiver).await;
    let (webhook, secret) = registered(&gateway, &key, &receiver.url("/")).await;
    calculated(&gateway, &key, "courbe", false).await;
    let first = call(&receiver, 0).await;
    let waiting = in_state(&gateway, &key, &webhook, "waiting").await;
    assert!(waiting["next"].is_string(), "{waiting}");
    let second = call(&receiver, 1).await;
    assert_eq!((&second.id, &second.body), (&first.id, &first.body));
    assert!(second.timestamp > first.timestamp, "each try has its own second");
    assert_eq!(second.signed_by(&[&secret]), [true]);
    let delivered = in_state(&gateway, &key, &webhook, "delivered").await;
    let statuses: Vec<u64> =
        delivered["attempts"].as_array().unwrap().iter().map(|one| one["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [500, 204]);
    // A redirection leads nowhere, not even to the same server.
    receiver.answer(&[Answer::Redirect(receiver.url("/ailleurs")), Answer::Endless]);
    calculated(&gateway, &key, "courbe", false).await;
    call(&receiver, 2).await;
    let redirected = in_state(&gateway, &key, &webhook, "waiting").await;
    assert_eq!(redirected["attempts"][0]["status"], 302, "{redirected}");
    // Then 200 with a body that does not end: the status is all that counts.
    let taken = call(&receiver, 3).await;
    assert_eq!(taken.path, "/");
    for _ in 0..200 {
        let all = deliveries(&gateway, &key, &webhook).await;
        if all.iter().all(|one| one["state"] == "delivered") {
            let last = &all[0]["attempts"][1];
            assert!(last["millis"].as_u64().unwrap() < 5_000, "{last}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("an answer without an end is waited for");
}

#[tokio::test]
async fn a_kill_between_the_end_of_a_calculation_and_its_message_loses_nothing() {
    let receiver = Receiver::open(&[Answer::Silence]).await;
    let (mut gateway, key) = gateway(&receiver).await;
    let (webhook, secret) = registered(&gateway, &key, &receiver.url("/")).await;
    let id = calculated(&gateway, &key, "courbe", false).await;
    // It is on its way, and nobody has said that it arrived.
    let lost = call(&receiver, 0).await;
    gateway.kill();
    gateway.launch().await;
    let came = call(&receiver, 1).await;
    assert_eq!((&came.id, came.told()["data"]["id"].as_str()), (&lost.id, Some(id.as_str())));
    assert_eq!(came.signed_by(&[&secret]), [true]);
    in_state(&gateway, &key, &webhook, "delivered").await;
    // Killed the moment that it is over, five times.
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(calculated(&gateway, &key, "courbe", false).await);
        gateway.kill();
        gateway.launch().await;
    }
    eventually("every message", || {
        let told: Vec<Value> = receiver.calls().iter().map(Call::told).collect();
        ids.iter().all(|id| told.iter().any(|one| one["data"]["id"] == id.as_str())).then_some(())
    })
    .await;
    assert_eq!(deliveries(&gateway, &key, &webhook).await.len(), 6, "one a calculation");
}

/// Proves p-access-control.
#[tokio::test]
async fn places_inside_are_refused_when_they_are_registered() {
    let receiver = Receiver::open(&[]).await;
    let (gateway, key) = gateway(&receiver).await;
    let port = receiver.address().port();
    let named = std::fs::read_to_string("/etc/hosts").unwrap();
    // Names of this machine's own that lead to itself.
    let named = named.lines().filter_map(|line| line.strip_prefix("127.0.0.1"));
    let mut urls: Vec<String> =
        named.flat_map(str::split_whitespace).map(|name| format!("https://{name}/")).collect();
    assert!(!urls.is_empty());
    urls.extend(
        [
            "https://169.254.169.254/latest/meta-data/",
            "https://localhost/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://[::1]/",
            "https://[::ffff:169.254.169.254]/",
            "https://10.0.0.8/",
            "https://100.64.0.1/",
            "https://8.8.8.8:8443/",
            "http://8.8.8.8/",
            "https://user:word@8.8.8.8/",
            "ftp://8.8.8.8/",
            "/relative",
            "",
        ]
        .map(str::to_owned),
    );
    urls.push(format!("http://localhost:{port}/"));
    urls.push(format!("https://127.0.0.1:{}/", port ^ 1));
    for url in &urls {
        let answer = ask(&gateway, &key, Method::POST, ALL, Some(&json!({ "url": url }))).await;
        assert_eq!(answer.status(), 422, "{url}");
        let told: Value = answer.json().await.unwrap();
        assert!(told["errors"]["url"].is_string(), "{url}: {told}");
    }
    let (webhook, _) = registered(&gateway, &key, &receiver.url("/")).await;
    let path = format!("{ALL}/{webhook}");
    let moved = json!({ "url": "https://169.254.169.254/" });
    assert_eq!(ask(&gateway, &key, Method::PATCH, &path, Some(&moved)).await.status(), 422);
    // What was listed here when it was registered and is not any more is refused when it is called.
    let mut gateway = gateway;
    gateway.stop();
    gateway.set("AOPS_WEBHOOKS_HERE", &format!("127.0.0.1:{}", port ^ 1));
    gateway.launch().await;
    calculated(&gateway, &key, "courbe", false).await;
    let waiting = in_state(&gateway, &key, &webhook, "waiting").await;
    assert_eq!(waiting["attempts"][0]["fault"], "refused", "{waiting}");
    assert!(receiver.calls().is_empty(), "nothing came");
}

#[tokio::test]
async fn what_changed_since_it_was_read_is_neither_changed_nor_removed() {
    let receiver = Receiver::open(&[]).await;
    let (gateway, key) = gateway(&receiver).await;
    let (webhook, _) = registered(&gateway, &key, &receiver.url("/")).await;
    let url = gateway.url(&format!("{ALL}/{webhook}"));
    let client = gateway.client();
    let read = client.get(&url).bearer_auth(&key).send().await.unwrap();
    let tag = read.headers()["etag"].to_str().unwrap().to_owned();
    assert!(tag.starts_with('"'), "a strong tag: {tag}");
    let same = client.get(&url).bearer_auth(&key).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!((same.status().as_u16(), same.text().await.unwrap().as_str()), (304, ""));
    let stop = json!({ "active": false });
    let change = |tag: &str| client.patch(&url).bearer_auth(&key).header("if-match", tag).json(&stop).send();
    let changed = change(&tag).await.unwrap();
    assert_eq!(changed.status(), 200);
    let new = changed.headers()["etag"].to_str().unwrap().to_owned();
    let refused = change(&tag).await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["content-type"]),
        (412, &"application/problem+json".parse().unwrap())
    );
    let removed = |tag: &str| client.delete(&url).bearer_auth(&key).header("if-match", tag).send();
    assert_eq!(removed(&tag).await.unwrap().status(), 412);
    let off = ask(&gateway, &key, Method::POST, &format!("{ALL}/{webhook}/test"), None).await;
    assert_eq!(off.status(), 409, "it is switched off");
    assert_eq!(removed(&new).await.unwrap().status(), 204);
}

#[tokio::test]
async fn the_page_registers_tries_and_removes_without_a_script() {
    let receiver = Receiver::open(&[]).await;
    let (gateway, _) = gateway(&receiver).await;
    let (password, _) = gateway.client_account("page@example.org", Some("illimite"));
    let cookie = gateway.sign_in("page@example.org", &password).await;
    let page = "/espace-client/webhooks";
    let shown = async |path: &str| {
        let answer = gateway.client().get(gateway.url(path)).header("cookie", &cookie).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    };
    assert!(shown("/espace-client/").await.contains(page));
    assert!(shown(page).await.contains("Aucun webhook pour le moment"));
    let url = receiver.url("/page");
    let inside = [("adresse_webhook", "https://localhost/"), ("calculation.completed", "oui")];
    let refused = gateway.post_as(page, &inside, Some(&cookie)).await;
    assert_eq!(refused.status(), 422);
    assert!(refused.text().await.unwrap().contains("n’est pas sur l’Internet public"));
    let none = gateway.post_as(page, &[("adresse_webhook", &url)], Some(&cookie)).await;
    assert!(none.text().await.unwrap().contains("Cochez au moins un événement"));
    let form = [("adresse_webhook", url.as_str()), ("calculation.completed", "oui")];
    let made = gateway.post_as(page, &form, Some(&cookie)).await.text().await.unwrap();
    let made = made.replace("&#x2F;", "/");
    let secret = made.split("whsec_").nth(1).unwrap().split('<').next().unwrap();
    let id = made.split("/espace-client/webhooks/wh_").nth(1).unwrap();
    let id: String = id.chars().take_while(char::is_ascii_alphanumeric).collect();
    let place = format!("{page}/wh_{id}");
    assert!(!shown(&place).await.contains(secret), "it is shown once");
    let tried = gateway.post_as(&format!("{place}/essai"), &[], Some(&cookie)).await;
    assert_eq!(tried.headers()["location"], format!("{place}?fait=essai"));
    let test = call(&receiver, 0).await;
    assert_eq!(test.signed_by(&[&format!("whsec_{secret}")]), [true]);
    for _ in 0..200 {
        if shown(&place).await.contains("reçu") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let log = shown(&place).await;
    assert!(log.contains("reçu") && log.contains("204") && log.contains(&test.id), "{log}");
    let again = gateway.post_as(&format!("{place}/envois/{}", test.id), &[], Some(&cookie)).await;
    assert_eq!(again.status(), 303);
    assert_eq!(call(&receiver, 1).await.id, test.id);
    let stopped = gateway.post_as(&place, &form, Some(&cookie)).await;
    assert_eq!(stopped.status(), 303);
    assert!(shown(&place).await.contains("Arrêté à votre demande"));
    let removed = gateway.post_as(&format!("{place}/suppression"), &[], Some(&cookie)).await;
    assert_eq!(removed.headers()["location"], format!("{page}?fait=supprime"));
    assert!(shown(page).await.contains("Aucun webhook pour le moment"));
}
