//! The kit of deploy/one-machine: two gateways, two workers, Redis and an S3 server started as its README says, and the
//! whole journey of a client while each part is killed in turn.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bucket::objects_at;
use crate::calculations::{ALL, ask, over};
use crate::contents::{computed, loaded};
use crate::support::{AOPS, Gateway, REPOSITORY, run_with};
use crate::workers::{COUNTED, buy, used};

const PARTS: [&str; 6] = ["gateway-1", "worker-1", "s3", "worker-2", "store", "gateway-2"];
const PASSWORD: &str = "Cheval-correct-agrafe-9";

struct Kit {
    folder: TempDir,
    port: u16,
}

impl Kit {
    fn new() -> Self {
        let free = |port: &u16| {
            (0..10).all(|next| TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port + next))).is_ok())
        };
        let first = 33_000 + u16::try_from(std::process::id() % 900).unwrap() * 20;
        let port = (first..first + 9_000).step_by(10).find(free).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), port }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(format!("{REPOSITORY}/deploy/one-machine/kit"));
        command.arg(self.folder.path()).args(arguments).env("AOPS", AOPS).env("PORT", self.port.to_string());
        command.env("AOPS_LIMITS_FACTOR", "1000").env_remove("AOPS_MASTER_KEY");
        command
    }

    fn does(&self, arguments: &[&str]) -> String {
        self.does_with(self.command(arguments), "")
    }

    fn does_with(&self, command: Command, input: &str) -> String {
        let told = format!("{command:?}");
        let output = run_with(command, input);
        assert!(output.status.success(), "{told}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn admin(&self, arguments: &[&str], input: &str) -> Value {
        let all = [&["admin"], arguments, &["--json"]].concat();
        serde_json::from_str(&self.does_with(self.command(&all), input)).unwrap()
    }

    fn gateway(&self, number: u16) -> Gateway {
        let https = SocketAddr::from(([127, 0, 0, 1], self.port + number * 3));
        Gateway::elsewhere(https, &self.folder.path().join(format!("gateway-{number}/data")))
    }

    fn server(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port + 9))
    }

    /// Waits until the bucket holds nothing.
    async fn is_empty(&self) {
        for _ in 0..400 {
            if objects_at(self.server()).await.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("these stay: {:?}", objects_at(self.server()).await);
    }
}

impl Drop for Kit {
    fn drop(&mut self) {
        for part in PARTS {
            // Whatever the test has come to, nothing of it goes on.
            let _ = self.command(&["kill", part]).output();
        }
    }
}

/// Asks until it is taken, as a client does that has no answer or is told to come again.
async fn insisted(gateways: [&Gateway; 2], key: &str, once: &str, body: &Value) -> String {
    let mut last = "no answer".to_owned();
    for attempt in 0..600 {
        let gateway = gateways[attempt % 2];
        let post = gateway.client().post(gateway.url(ALL)).bearer_auth(key).header("idempotency-key", once);
        if let Ok(answer) = post.json(body).send().await {
            match answer.status() {
                StatusCode::ACCEPTED => {
                    let told: Value = answer.json().await.unwrap();
                    return told["id"].as_str().unwrap().to_owned();
                }
                status @ (StatusCode::SERVICE_UNAVAILABLE | StatusCode::CONFLICT) => {
                    last = format!("{status}: {}", answer.text().await.unwrap());
                }
                other => panic!("{other}: {}", answer.text().await.unwrap()),
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("nobody takes it; {last}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_kit_carries_the_whole_journey_while_each_part_is_killed_in_turn() {
    let kit = Kit::new();
    kit.does(&["prepare"]);
    let config = kit.folder.path().join("root/site.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text + &COUNTED.replace("\"retraite\"", "\"ifc\"")).unwrap();
    let told = kit.does(&["up"]);
    assert_eq!(told.matches("https://localhost:").count(), 2, "{told}");
    assert_eq!(kit.does(&["status"]).matches(" runs").count(), 6);
    let (one, other) = (kit.gateway(1), kit.gateway(2));

    let email = "client@example.org";
    let create = ["account", "create", "--email", email, "--password-stdin", "--verified"];
    kit.admin(&create, &format!("{PASSWORD}\n"));
    let key = kit.admin(&["apikey", "create", "--account", email], "")["key"].as_str().unwrap().to_owned();
    buy(&one, email, PASSWORD).await;
    for _ in 0..200 {
        if used(&other, &key).await == json!(0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    other.sign_in(email, PASSWORD).await;
    // Enough for a calculation to be under way when its part is killed.
    let dataset = loaded(&one, &key, 20_000).await;
    let whole = ask(&other, &key, Method::GET, &format!("/api/v1/datasets/{dataset}"), None).await;
    assert_eq!(whole.status(), 200, "each gateway reads what the other took");

    let mut ids = Vec::new();
    for part in PARTS {
        for _ in 0..2 {
            let once = format!("{part}-{}", ids.len());
            ids.push(insisted([&one, &other], &key, &once, &computed(&dataset)).await);
        }
        tokio::time::sleep(Duration::from_millis(400)).await;
        kit.does(&["kill", part]);
        assert!(kit.does(&["status"]).contains(&format!("{part} is away")));
        // Away for a moment, while the others go on.
        tokio::time::sleep(Duration::from_millis(700)).await;
        kit.does(&["start", part]);
    }
    for id in &ids {
        let told = over(&other, &key, id).await;
        assert_eq!(told["state"], "done", "{told}");
    }
    let all: Value = ask(&one, &key, Method::GET, ALL, None).await.json().await.unwrap();
    let mut listed: Vec<&str> =
        all["calculations"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    listed.reverse();
    assert_eq!(listed, ids, "each is there once");
    assert_eq!(used(&other, &key).await, json!(ids.len()), "and counted once");
    for gateway in [&one, &other] {
        for form in ["json", "pdf"] {
            let path = format!("{ALL}/{}/report.{form}", ids[1]);
            let report = ask(gateway, &key, Method::GET, &path, None).await;
            assert_eq!(report.status(), 200, "{form}");
            assert!(report.bytes().await.unwrap().len() > 1_000);
        }
    }

    // What a kill left between an object and its batch is swept once it can be on its way no more.
    let mut later = self::later(&kit);
    later.args(["start", "gateway-1"]);
    kit.does(&["kill", "gateway-1"]);
    kit.does_with(later, "");
    let mut sweep = self::later(&kit);
    sweep.args(["admin", "retention", "run", "--json"]);
    kit.does_with(sweep, "");
    let objects = objects_at(kit.server()).await;
    let pieces: BTreeSet<&str> = objects.iter().map(|name| name.rsplit_once('/').unwrap().0).collect();
    assert_eq!(pieces.len(), objects.len(), "one object a piece: {objects:?}");
    let named = pieces.iter().map(|piece| piece.split('/').nth(2).unwrap());
    let expected = ids.iter().map(String::as_str).chain([dataset.as_str()]);
    assert_eq!(named.collect::<BTreeSet<_>>(), expected.collect::<BTreeSet<_>>());
    for id in &ids {
        let deleted = ask(&other, &key, Method::DELETE, &format!("{ALL}/{id}"), None).await;
        assert_eq!(deleted.status(), 204);
    }
    let path = format!("/api/v1/datasets/{dataset}");
    assert_eq!(ask(&other, &key, Method::DELETE, &path, None).await.status(), 204);
    kit.is_empty().await;
    kit.does(&["down"]);
    assert_eq!(kit.does(&["status"]).matches("is away").count(), 6);
}

/// The kit two hours ahead.
fn later(kit: &Kit) -> Command {
    let mut command = kit.command(&[]);
    command.env("AOPS_NOW_OFFSET", "7200");
    command
}
