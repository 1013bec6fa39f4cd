//! Clients that misbehave again and again, over real sockets: who is refused, for how long, and who is not.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::raw::{Raw, connect_from, fields, frame, status};
use crate::support::{Gateway, eventually};

/// Offenders of the loop, which these tests allow to be jailed; the tests themselves ask from 127.0.0.1.
const OFFENDER: [u8; 4] = [127, 0, 0, 66];

const RULES: &str = r#"
[gateway.jails]
loopback = true
[gateway.jails.rules]
not_found = { count = 5, within = "1m", term = "10m" }
trap = { count = 2, within = "1m", term = "10m" }
bad_signature = { count = 3, within = "1m", term = "10m" }
failed_sign_in = { count = 3, within = "1m", term = "10m" }
refused_key = { count = 3, within = "1m", term = "10m" }
malformed = { count = 3, within = "1m", term = "10m" }
limited = { count = 10, within = "1m", term = "10m" }
failed_handshake = { count = 5, within = "1m", term = "10m" }
"#;

async fn gateway(more: &str) -> Gateway {
    let mut gateway = Gateway::prepare(&[]);
    let config = gateway.root().join("site.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}{RULES}{more}")).unwrap();
    gateway.launch().await;
    gateway
}

/// A connection from an address of the loop; none when it is refused.
fn from(gateway: &Gateway, local: [u8; 4]) -> Option<Raw> {
    Some(Raw::over(gateway, connect_from(local, gateway.https()).ok()?, b"http/1.1"))
}

/// The status of an answer to a request from there; none when nobody answers.
fn ask(gateway: &Gateway, local: [u8; 4], request: &str) -> Option<u16> {
    let mut raw = from(gateway, local)?;
    raw.send(request.as_bytes()).ok()?;
    raw.answer().ok().map(|(head, _)| status(&head))
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

fn bans(gateway: &Gateway) -> Vec<Value> {
    gateway.admin(&["ban", "list"]).as_array().unwrap().clone()
}

async fn ban_of(gateway: &Gateway, jail: &str) -> Value {
    eventually(jail, || bans(gateway).into_iter().find(|ban| ban["jail"] == jail)).await
}

#[tokio::test]
async fn each_offence_leads_to_its_jail_and_to_nobody_elses() {
    let gateway = gateway("").await;
    let origin = gateway.url("");
    let form = |path: &str, body: &str, kind: &str| {
        let port = gateway.https().port();
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: {origin}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let sign_in = form(
        "/compte/connexion",
        "email=a%40example.org&mot_de_passe=Faux-mot-1",
        "application/x-www-form-urlencoded",
    );
    let webhook = form("/webhooks/stripe", "{}", "application/json");
    let newsletter = form("/newsletter", "email=x", "application/x-www-form-urlencoded");
    let malformed = "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n".to_owned();
    let keyed = get("/api/v1/account").replace("\r\n\r\n", "\r\nAuthorization: Bearer aops_x\r\n\r\n");
    let cases: [(&str, String, usize, Option<u16>); 7] = [
        ("not_found", get("/nulle-part/"), 5, Some(404)),
        ("trap", get("/wp-login.php"), 2, Some(404)),
        ("bad_signature", webhook, 3, Some(400)),
        ("failed_sign_in", sign_in, 3, Some(401)),
        ("refused_key", keyed, 3, Some(401)),
        ("malformed", malformed, 3, Some(400)),
        ("limited", newsletter, 80, None),
    ];
    for (n, (jail, request, times, expected)) in cases.into_iter().enumerate() {
        let offender = [127, 0, 1, n as u8 + 1];
        for time in 1..=times {
            // The last ones may be cut by the ban already.
            let answer = ask(&gateway, offender, &request);
            assert!(expected.is_none() || time == times || answer == expected, "{jail}: {answer:?}");
        }
        let ban = ban_of(&gateway, jail).await;
        assert_eq!(ban["net"], format!("127.0.1.{}/32", n + 1), "{jail}");
        assert!(ban["until"].is_string() && ban["times"] == 1 && ban["reason"].is_string(), "{ban}");
        assert_eq!(ask(&gateway, offender, &get("/")), None, "{jail}: refused before the handshake");
        assert_eq!(ask(&gateway, [127, 0, 1, 99], &get("/favicon.svg")), Some(200), "{jail}: a neighbour");
    }
    for _ in 0..5 {
        let mut socket = connect_from(OFFENDER, gateway.https()).unwrap();
        socket.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let _ = socket.read_to_end(&mut Vec::new());
    }
    assert_eq!(ban_of(&gateway, "failed_handshake").await["net"], "127.0.0.66/32");
    let told = format!("http://{}/metrics", gateway.operations());
    let metrics = reqwest::get(told).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("jail_bans_total{jail=\"trap\"} 1"), "{metrics}");
    assert!(!gateway.log().contains("127.0.1.1\""), "addresses are cut in the log");
}

#[tokio::test]
async fn what_another_sites_page_has_a_browser_ask_for_is_not_the_visitors_doing() {
    let gateway = gateway("").await;
    for path in ["/wp-login.php", "/nulle-part/"].repeat(10) {
        let embedded =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n\r\n");
        assert_eq!(ask(&gateway, OFFENDER, &embedded), Some(404));
    }
    assert_eq!(bans(&gateway), Vec::<Value>::new());
}

#[tokio::test]
async fn without_being_asked_to_nobody_jails_the_loop() {
    let gateway = Gateway::start_with(&[]).await;
    for path in ["/wp-login.php", "/.env", "/nulle-part/"].repeat(40) {
        assert_eq!(ask(&gateway, [127, 0, 0, 1], &get(path)), Some(404));
    }
    assert_eq!(ask(&gateway, [127, 0, 0, 1], &get("/")), Some(200));
    assert_eq!(bans(&gateway), Vec::<Value>::new());
}

#[tokio::test]
async fn terms_double_outlive_a_restart_and_a_pardon_resets_them() {
    let mut gateway = gateway("").await;
    let offend = |gateway: &Gateway| {
        for _ in 0..5 {
            ask(gateway, OFFENDER, &get("/nulle-part/"));
        }
    };
    let seconds = |ban: &Value| {
        let instant = |name: &str| ban[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        instant("until").duration_since(instant("since")).as_secs()
    };
    let minutes = |ban: &Value| seconds(ban) / 60;
    offend(&gateway);
    assert_eq!(minutes(&ban_of(&gateway, "not_found").await), 10);
    gateway.stop();
    gateway.set("AOPS_NOW_OFFSET", "660");
    gateway.launch().await;
    assert_eq!(bans(&gateway), Vec::<Value>::new());
    assert_eq!(ask(&gateway, OFFENDER, &get("/favicon.svg")), Some(200), "the term is over");
    offend(&gateway);
    let second = ban_of(&gateway, "not_found").await;
    assert_eq!((minutes(&second), &second["times"]), (20, &Value::from(2)), "a restart forgets nothing");
    gateway.kill();
    gateway.launch().await;
    assert_eq!(ask(&gateway, OFFENDER, &get("/")), None, "a ban outlives a kill");
    gateway.admin(&["ban", "remove", "127.0.0.66/32"]);
    assert_eq!(ask(&gateway, OFFENDER, &get("/favicon.svg")), Some(200));
    offend(&gateway);
    let pardoned = ban_of(&gateway, "not_found").await;
    assert_eq!((minutes(&pardoned), &pardoned["times"]), (10, &Value::from(1)));
}

#[tokio::test]
async fn a_jail_ends_what_its_offender_has_open_and_counts_the_client_behind_a_proxy() {
    let more = "[gateway.trusted]\nproxies = [\"127.0.0.8/32\"]\n";
    let gateway = gateway(more).await;
    let mut resting = from(&gateway, OFFENDER).unwrap();
    resting.send(get("/favicon.svg").as_bytes()).unwrap();
    resting.answer().unwrap();
    for _ in 0..2 {
        ask(&gateway, OFFENDER, &get("/.git/config"));
    }
    resting.patience(Duration::from_secs(10));
    let (_, end) = resting.rest();
    end.expect("the connection that rested is cut");
    let proxy = [127, 0, 0, 8];
    let behind = |client: &str, path: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {client}\r\n\r\n")
    };
    for _ in 0..4 {
        ask(&gateway, proxy, &behind("203.0.113.9", "/.env"));
    }
    eventually("a ban of the client", || {
        bans(&gateway).into_iter().find(|ban| ban["net"] == "203.0.113.9/32")
    })
    .await;
    assert_eq!(ask(&gateway, proxy, &behind("203.0.113.9", "/")), Some(403));
    assert_eq!(ask(&gateway, proxy, &behind("203.0.113.10", "/favicon.svg")), Some(200), "others behind it");
}

#[tokio::test]
async fn floods_of_frames_are_counted_and_the_flooder_is_jailed() {
    let gateway = gateway("").await;
    for _ in 0..3 {
        let Ok(socket) = connect_from(OFFENDER, gateway.https()) else { break };
        let mut raw = Raw::over(&gateway, socket, b"h2");
        let _ = raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        for _ in 0..5_000 {
            if raw.send(&frame(6, 0, 0, &[0; 8])).is_err() {
                break;
            }
        }
        let _ = raw.rest();
    }
    assert_eq!(ban_of(&gateway, "malformed").await["net"], "127.0.0.66/32");
}

#[tokio::test]
async fn a_ban_by_hand_ends_open_streams_of_h2_at_once() {
    let gateway = Gateway::start().await;
    let mut raw = Raw::over(&gateway, connect_from(OFFENDER, gateway.https()).unwrap(), b"h2");
    raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    raw.send(&frame(4, 0, 0, &[])).unwrap();
    // Three posts whose bodies never come: their streams stay open.
    for stream in [1, 3, 5] {
        let head = [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", "localhost"),
            (":path", "/contact"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        raw.send(&frame(1, 4, stream, &fields(&head))).unwrap();
    }
    raw.patience(Duration::from_secs(1));
    let (_, open) = raw.rest();
    assert!(open.is_err(), "the connection stands");
    let begun = std::time::Instant::now();
    gateway.admin(&["ban", "add", "127.0.0.66", "--for", "1h"]);
    raw.patience(Duration::from_secs(10));
    let (_, end) = raw.rest();
    end.expect("it is cut");
    assert!(begun.elapsed() < Duration::from_secs(9));
    assert!(
        from(&gateway, OFFENDER)
            .is_none_or(|mut raw| raw.send(get("/").as_bytes()).is_err() || raw.answer().is_err())
    );
}

#[tokio::test]
async fn nobody_bans_the_world_and_a_ban_of_allowed_addresses_is_remarked_upon() {
    let mut gateway = Gateway::prepare(&[]);
    let config = gateway.root().join("site.toml");
    let text = fs::read_to_string(&config).unwrap();
    let allowing = "hosts = [\"localhost\"]\nallowlist = \"allowed.txt\"";
    fs::write(&config, text.replace("hosts = [\"localhost\"]", allowing)).unwrap();
    fs::write(gateway.root().join("allowed.txt"), "127.0.0.1\n").unwrap();
    gateway.launch().await;
    for world in ["0.0.0.0/0", "::/0", "0.0.0.0/1"] {
        let refused = gateway.command(&["admin", "ban", "add", world]).output().unwrap();
        assert!(!refused.status.success());
        assert!(String::from_utf8_lossy(&refused.stderr).contains("too wide"), "{world}");
    }
    let added = gateway.admin(&["ban", "add", "127.0.0.0/8"]);
    assert!(added["warning"].as_str().unwrap().contains("allow-list"), "{added}");
    assert_eq!(ask(&gateway, [127, 0, 0, 1], &get("/favicon.svg")), Some(200), "the allow-list wins");
    assert_eq!(ask(&gateway, [127, 0, 0, 2], &get("/favicon.svg")), None);
    assert!(gateway.admin(&["ban", "add", "192.0.2.7"])["warning"].is_null());
}

#[tokio::test]
async fn a_listed_address_hears_nothing_where_refusals_are_silent() {
    let mut gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000")]);
    let config = gateway.root().join("site.toml");
    let text = fs::read_to_string(&config).unwrap();
    let silent = "hosts = [\"localhost\"]\nrefusal = \"silent\"";
    fs::write(&config, text.replace("hosts = [\"localhost\"]", silent)).unwrap();
    gateway.launch().await;
    gateway.admin(&["ban", "add", "127.0.0.66"]);
    let mut refused = connect_from(OFFENDER, gateway.https()).unwrap();
    // Whatever is said is not answered, neither by an alert nor by an end.
    let _ = refused.write_all(&[22, 3, 1, 0, 5, 1, 0, 0, 1, 0]);
    refused.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let heard = refused.read(&mut [0; 64]);
    let waits = |error: &std::io::Error| {
        matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
    };
    assert!(heard.as_ref().is_err_and(waits), "{heard:?}");
    // Many that wait in silence take no place from others, and end at last.
    let held: Vec<TcpStream> =
        (0..300).filter_map(|_| connect_from(OFFENDER, gateway.https()).ok()).collect();
    assert_eq!(gateway.get("/favicon.svg").await.status(), 200);
    refused.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let end = refused.read(&mut [0; 64]);
    assert!(matches!(&end, Ok(0)) || end.as_ref().is_err_and(|error| !waits(error)), "{end:?}");
    drop(held);
}

#[tokio::test]
async fn staff_look_at_the_gateway_live_and_clients_and_strangers_do_not() {
    let gateway = Gateway::start().await;
    let page = "/equipe/passerelle";
    let stranger = gateway.get(page).await;
    assert_eq!(stranger.status(), 303);
    assert_eq!(stranger.headers()["location"], "/compte/connexion?suite=/equipe/passerelle");
    let (password, _) = gateway.client_account("cliente@example.org", None);
    let signed_in = async |email: &str| {
        let cookie = gateway.sign_in(email, &password).await;
        gateway.client().get(gateway.url(page)).header("cookie", cookie).send().await.unwrap()
    };
    assert_eq!(signed_in("cliente@example.org").await.status(), 404);
    let today = jiff::Timestamp::now().to_string()[..10].to_owned();
    let arguments = [
        "account",
        "create",
        "--email",
        "machine@example.org",
        "--password-stdin",
        "--verified",
        "--role",
        "operator",
        "--trained",
        &today,
        "--secrecy",
        &today,
    ];
    gateway.admin_with(&arguments, &format!("{password}\n"));
    gateway.admin(&["ban", "add", "203.0.113.0/24", "--for", "2h"]);
    let shown = signed_in("machine@example.org").await;
    assert_eq!(
        (shown.status().as_u16(), &shown.headers()["cache-control"]),
        (200, &"no-store".parse().unwrap())
    );
    let policy = shown.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("connect-src 'self'") && !policy.contains("unsafe"), "{policy}");
    let text = shown.text().await.unwrap();
    for told in
        ["Connexions ouvertes", "203.0.113.0/24", "à la main", "Connexion</th>", "localhost</th>", "médiane"]
    {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(!text.contains(">gateway."), "every string has its words: {text}");
}
