//! What those who run the machine use: doctor, firewall, files that change under a running gateway.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::raw::{Raw, connect_from, status};
use crate::support::{Gateway, eventually};

#[tokio::test]
async fn doctor_finds_nothing_wrong_beside_a_running_gateway_and_tells_what_is() {
    let gateway = Gateway::start().await;
    let fine = gateway.command(&["doctor"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&fine.stdout), "nothing is wrong\n");
    assert!(fine.status.success());
    let config = gateway.root().join("site.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("blocklist = \"deploy/blocklist.txt\"", "blocklist = \"nowhere.txt\""))
        .unwrap();
    let wrong = gateway.command(&["doctor"]).output().unwrap();
    assert!(!wrong.status.success());
    let told = String::from_utf8_lossy(&wrong.stdout).into_owned();
    assert!(
        told.starts_with("lists: [gateway] blocklist: ") && told.contains("nowhere.txt does not exist"),
        "{told}"
    );
    fs::write(&config, "[gateway\n").unwrap();
    let json = gateway.command(&["doctor", "--json"]).output().unwrap();
    let findings: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(findings[0]["subject"], "configuration");
}

/// Proves p-firewalls.
#[tokio::test]
async fn the_kernel_takes_the_firewall_rules_in_a_network_of_their_own() {
    let gateway = Gateway::prepare(&[]);
    fs::remove_file(gateway.root().join("deploy")).unwrap();
    fs::create_dir(gateway.root().join("deploy")).unwrap();
    let list = "192.0.2.0/24\n192.0.2.128/25\n198.51.100.7\n2001:db8::/32\n";
    fs::write(gateway.root().join("deploy/blocklist.txt"), list).unwrap();
    for arguments in [&["firewall"][..], &["firewall", "--synproxy"]] {
        let printed = gateway.command(arguments).output().unwrap();
        assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
        // Loaded twice: the second load replaces the first.
        let script = "cat > \"$0\" && nft -c -f \"$0\" && nft -f \"$0\" && nft -f \"$0\" && nft list ruleset";
        let file = gateway.root().join("rules.nft");
        let mut nft = Command::new("unshare")
            .args(["-rn", "sh", "-c", script])
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        nft.stdin.take().unwrap().write_all(&printed.stdout).unwrap();
        let loaded = nft.wait_with_output().unwrap();
        assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
        let rules = String::from_utf8_lossy(&loaded.stdout).into_owned();
        assert!(rules.contains("192.0.2.0/24") && rules.contains("2001:db8::/32"), "{rules}");
        assert!(
            rules.contains("policy drop") && !rules.contains(&gateway.operations().port().to_string()),
            "{rules}"
        );
    }
}

#[tokio::test]
async fn a_certificate_is_taken_anew_while_requests_go_on_and_rubbish_is_not() {
    let mut gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000")]);
    let (certificate, key) = (gateway.root().join("own.pem"), gateway.root().join("own.key"));
    let make = |name: &str| {
        let pair = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        fs::write(&key, pair.serialize_pem()).unwrap();
        fs::write(&certificate, params.self_signed(&pair).unwrap().pem()).unwrap();
    };
    make("first");
    let config = gateway.root().join("site.toml");
    let text = fs::read_to_string(&config).unwrap();
    let tls = "hosts = [\"localhost\"]\ntls = { certificate = \"own.pem\", key = \"own.key\" }";
    fs::write(&config, text.replace("hosts = [\"localhost\"]", tls)).unwrap();
    gateway.launch().await;
    let client =
        reqwest::Client::builder().tls_danger_accept_invalid_certs(true).tls_info(true).build().unwrap();
    let leaf = async |client: &reqwest::Client| {
        let answer = client.get(gateway.url("/favicon.svg")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.extensions().get::<reqwest::tls::TlsInfo>().unwrap().peer_certificate().unwrap().to_vec()
    };
    let fresh =
        || reqwest::Client::builder().tls_danger_accept_invalid_certs(true).tls_info(true).build().unwrap();
    let first = leaf(&client).await;
    fs::write(&certificate, "rubbish").unwrap();
    eventually("word of the wrong file", || gateway.log().contains("were not taken").then_some(())).await;
    assert_eq!(leaf(&fresh()).await, first, "what was there stays");
    make("second");
    eventually("word of the new one", || gateway.log().contains("were read again").then_some(())).await;
    assert_ne!(leaf(&fresh()).await, first);
    assert_eq!(leaf(&client).await, first, "the connection that stood goes on");
    let metrics =
        reqwest::get(format!("http://{}/metrics", gateway.operations())).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("certificate_expiry_seconds{name=\"localhost\"}"), "{metrics}");
}

#[tokio::test]
async fn a_balancer_says_for_whom_it_speaks_and_nobody_else_may() {
    let mut gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000")]);
    let config = gateway.root().join("site.toml");
    let text = fs::read_to_string(&config).unwrap();
    let trusted =
        "hosts = [\"localhost\"]\ntrusted = { balancers = [\"127.0.0.9/32\"], proxies = [\"127.0.0.8/32\"] }";
    fs::write(&config, text.replace("hosts = [\"localhost\"]", trusted)).unwrap();
    gateway.launch().await;
    let header = |client: [u8; 4]| {
        let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c".to_vec();
        bytes.extend(client);
        bytes.extend([10, 0, 0, 1, 0x30, 0x39, 1, 0xbb]);
        bytes
    };
    let ask = |from: [u8; 4], prefix: &[u8], fields: &str| -> Option<u16> {
        let mut socket = connect_from(from, gateway.https()).unwrap();
        socket.write_all(prefix).unwrap();
        let mut raw = Raw::over(&gateway, socket, b"http/1.1");
        raw.send(format!("GET /favicon.svg HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n").as_bytes()).ok()?;
        raw.answer().ok().map(|(head, _)| status(&head))
    };
    let banned = gateway.command(&["admin", "ban", "add", "203.0.113.7"]).output().unwrap();
    assert!(banned.status.success());
    let balancer = [127, 0, 0, 9];
    assert_eq!(ask(balancer, &header([192, 0, 2, 1]), ""), Some(200));
    assert_eq!(ask(balancer, &header([203, 0, 113, 7]), ""), None, "a banned client behind the balancer");
    assert_eq!(ask(balancer, b"", ""), None, "a balancer that says nothing");
    assert_eq!(ask([127, 0, 0, 1], &header([192, 0, 2, 1]), ""), None, "another that pretends");
    let proxy = [127, 0, 0, 8];
    assert_eq!(ask(proxy, b"", "X-Forwarded-For: 203.0.113.7\r\n"), Some(403));
    assert_eq!(ask([127, 0, 0, 1], b"", "X-Forwarded-For: 203.0.113.7\r\n"), Some(200), "noise");
    let told = || {
        let log = gateway.log();
        (log.contains("192.0.2.0/24") && log.contains("203.0.113.0/24")).then_some(())
    };
    eventually("both clients in the log, cut", told).await;
}

#[tokio::test]
async fn descriptors_run_out_without_harm_and_service_comes_back() {
    let gateway = Gateway::start().await;
    let process = gateway.process_id();
    let limited =
        Command::new("prlimit").args([&format!("--pid={process}"), "--nofile=96:96"]).status().unwrap();
    assert!(limited.success());
    let held: Vec<_> = (0..200).filter_map(|_| TcpStream::connect(gateway.https()).ok()).collect();
    eventually("word of it", || gateway.log().contains("no connection could be accepted").then_some(()))
        .await;
    let lines = |log: &str| log.matches("no connection could be accepted").count();
    let before = lines(&gateway.log());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(lines(&gateway.log()) - before <= 60, "accepting does not spin");
    drop(held);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(gateway.get("/").await.status(), 200);
}

#[tokio::test]
async fn open_requests_end_and_resting_connections_are_closed_at_a_stop() {
    let mut gateway = Gateway::start().await;
    let mut raw = Raw::h1(&gateway);
    raw.send(b"GET /favicon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(status(&raw.answer().unwrap().0), 200);
    let begun = std::time::Instant::now();
    assert!(gateway.stop().success());
    assert!(begun.elapsed() < Duration::from_secs(15), "a connection at rest holds nothing up");
    let (_, end) = raw.rest();
    end.unwrap();
    assert!(TcpStream::connect(gateway.https()).is_err());
}

#[tokio::test]
async fn a_log_that_cannot_be_written_holds_no_request_up() {
    let mut gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000")]);
    gateway.launch_with_log(fs::File::options().write(true).open("/dev/full").unwrap()).await;
    for _ in 0..20 {
        assert_eq!(gateway.get("/").await.status(), 200);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let metrics =
        reqwest::get(format!("http://{}/metrics", gateway.operations())).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("log_lines_lost_total{why=\"refused\"}"), "{metrics}");
}

#[tokio::test]
async fn answers_tell_what_is_left_of_a_limit() {
    let gateway = Gateway::start_with(&[]).await;
    let answer = gateway.get("/compte/connexion").await;
    let headers = answer.headers();
    assert_eq!(headers["ratelimit-policy"], "\"pages\";q=400;w=4");
    assert!(headers["ratelimit"].to_str().unwrap().starts_with("\"pages\";r=39"), "{headers:?}");
    let mut slow = TcpStream::connect(gateway.https()).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    assert!(matches!(slow.read(&mut [0]), Ok(0) | Err(_)), "a handshake that does not begin ends");
}

#[tokio::test]
async fn a_certificate_replaced_by_rubbish_costs_no_request_under_load() {
    let mut gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000")]);
    let (certificate, key) = (gateway.root().join("own.pem"), gateway.root().join("own.key"));
    let pair = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    fs::write(&key, pair.serialize_pem()).unwrap();
    fs::write(&certificate, params.self_signed(&pair).unwrap().pem()).unwrap();
    let config = gateway.root().join("site.toml");
    let text = fs::read_to_string(&config).unwrap();
    let tls = "hosts = [\"localhost\"]\ntls = { certificate = \"own.pem\", key = \"own.key\" }";
    fs::write(&config, text.replace("hosts = [\"localhost\"]", tls)).unwrap();
    gateway.launch().await;
    let url = gateway.url("/favicon.svg");
    let load = tokio::spawn(async move {
        let mut answers = 0;
        // A handshake for each.
        for _ in 0..150 {
            let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
            assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
            answers += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        answers
    });
    for rubbish in
        [&b"rubbish"[..], b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &[0; 4_096]]
    {
        fs::write(&certificate, rubbish).unwrap();
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    fs::remove_file(&certificate).unwrap();
    assert_eq!(load.await.unwrap(), 150);
    assert!(gateway.log().contains("were not taken"));
}

#[tokio::test]
async fn a_clock_that_is_set_back_stops_no_service() {
    let mut gateway = Gateway::start().await;
    let (password, _) = gateway.client_account("horloge@example.fr", Some("illimite"));
    let cookie = gateway.sign_in("horloge@example.fr", &password).await;
    gateway.kill();
    for offset in ["-86400", "-31536000", "86400"] {
        gateway.set("AOPS_NOW_OFFSET", offset);
        gateway.launch().await;
        assert_eq!(gateway.get("/").await.status(), 200, "{offset}");
        let area = gateway.client().get(gateway.url("/espace-client/")).header("cookie", &cookie);
        let status = area.send().await.unwrap().status().as_u16();
        assert!(matches!(status, 200 | 303), "{offset}: {status}");
        gateway.sign_in("horloge@example.fr", &password).await;
        let answer = gateway.post("/newsletter", &[("email", "x")]).await;
        assert_eq!(answer.status(), 422, "{offset}");
        assert!(gateway.stop().success(), "{offset}");
    }
}
