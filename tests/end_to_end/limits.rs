//! Limits over real TLS: each class met, told and recovered from; calculations by key, account and cost; two gateways.

use std::fs;
use std::net::IpAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Certificate, Client, Method, Response, redirect};
use serde_json::{Value, json};
use sfv::{BareItem, List, ListEntry, Parser};

use crate::checkout::signature;
use crate::support::{Gateway, eventually};

/// A client with an address of its own on the loop.
fn client(gateway: &Gateway, address: [u8; 4]) -> Client {
    let authority = fs::read(gateway.data().join("tls/ca.pem")).unwrap();
    Client::builder()
        .tls_certs_only([Certificate::from_pem(&authority).unwrap()])
        .local_address(IpAddr::from(address))
        .redirect(redirect::Policy::none())
        .build()
        .unwrap()
}

async fn ask(gateway: &Gateway, client: &Client, method: &Method, path: &str) -> Response {
    let mut request = client.request(method.clone(), gateway.url(path)).header("accept", "application/json");
    if *method == Method::POST {
        let form = "application/x-www-form-urlencoded";
        request = request.header("origin", gateway.url("")).header("content-type", form).body("email=x");
    }
    request.send().await.unwrap()
}

/// By policy: one number of a field, as a parser of structured fields reads it.
fn told(answer: &Response, field: &str, parameter: &str) -> Vec<(String, i64)> {
    let list: List = Parser::new(answer.headers()[field].as_bytes()).parse().unwrap();
    let number = |entry: &ListEntry| {
        let ListEntry::Item(item) = entry else { panic!("an inner list") };
        let BareItem::String(policy) = &item.bare_item else { panic!("not a string") };
        let value = item.params.iter().find(|(name, _)| name.as_str() == parameter)?.1;
        let BareItem::Integer(value) = value else { panic!("not an integer") };
        Some((policy.to_string(), i64::from(*value)))
    };
    list.iter().filter_map(number).collect()
}

fn configure(gateway: &Gateway, tables: &str) {
    let config = gateway.root().join("site.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("\n[mail]\n", &format!("\n{tables}\n[mail]\n"))).unwrap();
}

async fn metrics(gateway: &Gateway) -> String {
    reqwest::get(format!("http://{}/metrics", gateway.operations())).await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn each_class_is_refused_beyond_its_limit_told_why_and_recovers_while_others_are_served() {
    let mut gateway = Gateway::prepare(&[]);
    let names = ["pages", "forms", "sign_in", "checkout", "calculators", "api", "webhooks"];
    let rates: String =
        names.iter().map(|name| format!("{name} = {{ per_minute = 30, burst = 3 }}\n")).collect();
    configure(&gateway, &format!("[gateway.limits]\n{rates}"));
    gateway.launch().await;
    let routes = [
        (Method::GET, "/favicon.svg"),
        (Method::POST, "/newsletter"),
        (Method::POST, "/compte/connexion"),
        (Method::POST, "/commande"),
        (Method::POST, "/calculateurs/provisionnement/resultat"),
        (Method::GET, "/api/v1/account"),
        (Method::POST, "/webhooks/sendgrid"),
    ];
    for (index, (method, path)) in routes.iter().enumerate() {
        let name = names[index];
        let abuser = client(&gateway, [127, 0, 2, index as u8 + 1]);
        let other = client(&gateway, [127, 0, 3, index as u8 + 1]);
        let mut left = 3;
        let refused = loop {
            let answer = ask(&gateway, &abuser, method, path).await;
            if answer.status() == 429 {
                break answer;
            }
            assert_eq!(told(&answer, "ratelimit-policy", "q"), [(name.to_owned(), 3)], "{path}");
            assert_eq!(told(&answer, "ratelimit-policy", "w"), [(name.to_owned(), 6)], "{path}");
            let now = told(&answer, "ratelimit", "r")[0].1;
            assert!(now < left || left == 3, "{path}: {now} after {left}");
            left = now;
        };
        let wait: i64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=3).contains(&wait), "{path}: {wait}");
        assert_eq!(told(&refused, "ratelimit", "r"), [(name.to_owned(), 0)], "{path}");
        assert_eq!(told(&refused, "ratelimit", "t"), [(name.to_owned(), wait)], "{path}");
        let problem: Value = refused.json().await.unwrap();
        assert_eq!(problem["violated-policies"], json!([name]), "{path}");
        assert_eq!(problem["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
        assert_ne!(ask(&gateway, &other, method, path).await.status(), 429, "{path}: another client");
        tokio::time::sleep(Duration::from_secs(wait as u64)).await;
        assert_ne!(ask(&gateway, &abuser, method, path).await.status(), 429, "{path}: afterwards");
    }
}

#[tokio::test]
async fn signed_calls_are_not_counted_and_forged_ones_count_four_times() {
    let secret = "whsec_limits";
    let mut gateway = Gateway::prepare(&[("STRIPE_WEBHOOK_SECRET", secret)]);
    configure(&gateway, "[gateway.limits]\nwebhooks = { per_minute = 1, burst = 8 }\n");
    gateway.launch().await;
    let call = async |client: &Client, secret: &str, n: usize| {
        let body = format!(r#"{{"id":"evt_{n}","type":"invoice.paid","data":{{"object":{{"id":"in_1"}}}}}}"#);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let signed = signature(&body, now as i64, secret);
        let post = client.post(gateway.url("/webhooks/stripe")).header("stripe-signature", signed);
        post.body(body).send().await.unwrap().status().as_u16()
    };
    let processor = client(&gateway, [127, 0, 4, 1]);
    for n in 0..60 {
        assert_eq!(call(&processor, secret, n).await, 200, "call {n}");
    }
    let forger = client(&gateway, [127, 0, 4, 2]);
    let answers = [
        call(&forger, "another", 0).await,
        call(&forger, "another", 1).await,
        call(&forger, "another", 2).await,
    ];
    assert_eq!(answers, [400, 400, 429]);
    assert_eq!(call(&processor, secret, 60).await, 200);
}

#[tokio::test]
async fn calculations_count_by_cost_for_the_key_and_for_all_keys_of_its_account() {
    let mut gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1")]);
    configure(
        &gateway,
        "[gateway.limits]\napi_key = { per_minute = 1, burst = 10 }\napi_account = { per_minute = 1, burst = 12 }\n\
         plans = { rente = { per_minute = 1, burst = 14 } }\n",
    );
    gateway.launch().await;
    let (_, first) = gateway.client_account("a@example.org", Some("illimite"));
    let second = gateway.admin(&["apikey", "create", "--account", "a@example.org"])["key"].clone();
    let second = second.as_str().unwrap().to_owned();
    let client = gateway.client();
    let compute = async |key: &str, heads: usize| {
        let person = |n| json!({ "id": format!("{n}") });
        let body = json!({ "employees": (0..heads).map(person).collect::<Vec<_>>() });
        let post = client.post(gateway.url("/api/v1/compute/ifc")).bearer_auth(key).json(&body);
        post.send().await.unwrap()
    };
    // What is wrong with it is told only after it is paid for: six units.
    let answer = compute(&first, 500).await;
    assert_eq!(answer.status(), 422);
    assert_eq!(
        told(&answer, "ratelimit", "r"),
        [("key".into(), 4), ("account".into(), 6), ("api".into(), 199)]
    );
    assert_eq!(told(&answer, "ratelimit", "aops-cost"), [("key".into(), 6), ("account".into(), 6)]);
    // Dearer than any key may spend at once: never, so not "later".
    let dear = compute(&second, 1_500).await;
    assert_eq!(dear.status(), 413);
    assert!(!dear.headers().contains_key("retry-after"));
    let problem: Value = dear.json().await.unwrap();
    assert_eq!((problem["cost"].as_u64(), problem["most"].as_u64()), (Some(16), Some(10)));
    // The other key has enough, the account has not.
    let late = compute(&second, 600).await;
    assert_eq!(late.status(), 429);
    let wait: i64 = late.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert_eq!(told(&late, "ratelimit", "t")[1], ("account".into(), wait));
    let problem: Value = late.json().await.unwrap();
    assert_eq!(problem["violated-policies"], json!(["account"]));
    // A plan brings a wider account limit of its own.
    let (_, third) = gateway.client_account("b@example.org", Some("rente"));
    let request =
        json!({ "lives": [{ "table": "TH 00-02", "age": 65 }], "benefit": "annuity", "rate": 0.02 });
    let answer = client.post(gateway.url("/api/v1/compute/rente")).bearer_auth(&third).json(&request);
    let answer = answer.send().await.unwrap();
    assert_eq!(told(&answer, "ratelimit-policy", "q")[1], ("account".into(), 14));
    let account = client.get(gateway.url("/api/v1/account")).bearer_auth(&third).send().await.unwrap();
    assert_eq!(account.json::<Value>().await.unwrap()["tariff"]["heads_a_unit"], 100);
}

/// A server in a folder of its own, on a socket there.
struct Redis(Child);

impl Redis {
    fn start(folder: &std::path::Path) -> Self {
        let server = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--requirepass", "right", "--unixsocket"])
            .arg(folder.join("valkey.sock"))
            .arg("--dir")
            .arg(folder)
            .stdout(Stdio::null())
            .spawn();
        Self(server.expect("redis-server is installed by cargo xtask test"))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn two_gateways_share_a_limit_and_go_on_alone_while_the_server_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let server = Redis::start(folder.path());
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let tables = format!(
        "[gateway.limits]\ngateways = 2\nforms = {{ per_minute = 1, burst = 40 }}\n\n\
         [valkey]\nurls = [\"redis+unix://{}\"]\n",
        folder.path().join("valkey.sock").display()
    );
    let mut gateways = Vec::new();
    for _ in 0..2 {
        let mut gateway = Gateway::prepare(&[("AOPS_MASTER_KEY", key), ("AOPS_VALKEY_PASSWORD", "right")]);
        configure(&gateway, &tables);
        gateway.launch().await;
        gateways.push(gateway);
    }
    let away = async |value: &str| {
        for gateway in &gateways {
            for n in 0.. {
                if metrics(gateway).await.contains(&format!("shared_limits_away {value}\n")) {
                    break;
                }
                assert!(n < 300, "shared_limits_away is not {value}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    };
    let post = Method::POST;
    away("0").await;
    let clients: Vec<_> = gateways.iter().map(|gateway| client(gateway, [127, 0, 5, 1])).collect();
    let mut let_in = 0;
    for n in 0..120 {
        let answer = ask(&gateways[n % 2], &clients[n % 2], &post, "/newsletter").await;
        let_in += u32::from(answer.status() != 429);
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    assert!((39..=50).contains(&let_in), "{let_in} of a burst of 40 and two reserves of 5");
    drop(server);
    away("1").await;
    let clients: Vec<_> = gateways.iter().map(|gateway| client(gateway, [127, 0, 5, 2])).collect();
    for (gateway, client) in gateways.iter().zip(&clients) {
        let answer = ask(gateway, client, &post, "/newsletter").await;
        assert_eq!(told(&answer, "ratelimit-policy", "q"), [("forms".into(), 20)]);
        let mut let_in = 1;
        while ask(gateway, client, &post, "/newsletter").await.status() != 429 {
            let_in += 1;
        }
        assert!((20..=21).contains(&let_in), "{let_in}");
        eventually("word of it", || gateway.log().contains("limits are not shared").then_some(())).await;
    }
    let _server = Redis::start(folder.path());
    away("0").await;
    let answer = ask(&gateways[0], &client(&gateways[0], [127, 0, 5, 3]), &post, "/newsletter").await;
    assert_eq!(told(&answer, "ratelimit-policy", "q"), [("forms".into(), 40)]);
}

#[tokio::test]
async fn a_clock_set_back_neither_locks_out_nor_lets_in() {
    let mut gateway = Gateway::prepare(&[("AOPS_NOW_OFFSET", "86400")]);
    gateway.launch().await;
    let (password, _) = gateway.client_account("a@example.org", None);
    let sign_in = async |gateway: &Gateway, password: &str| {
        let fields = [("email", "a@example.org"), ("mot_de_passe", password)];
        gateway.post("/compte/connexion", &fields).await
    };
    for _ in 0..5 {
        assert_eq!(sign_in(&gateway, "Faux-mot-de-passe-1").await.status(), 401);
    }
    let refused = sign_in(&gateway, &password).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
    gateway.stop();
    gateway.set("AOPS_NOW_OFFSET", "-86400");
    gateway.launch().await;
    assert_eq!(sign_in(&gateway, &password).await.status(), 303, "nobody waits for a day that is to come");
    let mut refused = 0;
    for _ in 0..15 {
        refused += u32::from(sign_in(&gateway, "Faux-mot-de-passe-1").await.status() == 429);
    }
    assert!(refused >= 5, "limits hold under any clock: {refused}");
}

#[tokio::test]
async fn a_server_elsewhere_without_tls_is_refused_at_the_start_and_by_doctor() {
    let gateway = Gateway::prepare(&[]);
    configure(&gateway, "[valkey]\nurls = [\"redis://192.0.2.1:6379\"]\n");
    let doctor = gateway.command(&["doctor"]).output().unwrap();
    let told = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(told.contains("valkey: ") && told.contains("rediss://"), "{told}");
    let served = gateway.command(&["serve"]).output().unwrap();
    assert!(!served.status.success());
    assert!(String::from_utf8_lossy(&served.stderr).contains("rediss://"), "{served:?}");
}
