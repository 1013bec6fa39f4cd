//! The life of the process: sockets that others hold, one gateway after another, a configuration taken while it
//! runs, and what it can no longer do once it has started.

use std::fs;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::{Certificate, Client};
use tokio::task::JoinHandle;

use crate::raw::{Raw, status};
use crate::support::{Gateway, eventually};

/// Clients that ask without a pause: half of them over a new connection each time.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    fresh: Vec<JoinHandle<Vec<String>>>,
    kept: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    fn start(gateway: &Gateway) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let authority = Certificate::from_pem(&fs::read(gateway.data().join("tls/ca.pem")).unwrap()).unwrap();
        let url = gateway.url("/favicon.svg");
        let client = |idle: usize, one: bool| {
            let builder = Client::builder()
                .tls_certs_only([authority.clone()])
                .pool_max_idle_per_host(idle)
                .timeout(Duration::from_secs(40));
            if one { builder.http1_only() } else { builder }.build().unwrap()
        };
        let asking = |idle: usize, one: bool| {
            let (client, url, stop) = (client(idle, one), url.clone(), Arc::clone(&stop));
            let answered = Arc::clone(&answered);
            tokio::spawn(async move {
                let mut failed = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    match client.get(&url).send().await {
                        Ok(answer) if answer.status() == 200 => {
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(answer) => failed.push(answer.status().to_string()),
                        Err(error) => failed.push(format!("{error:?}")),
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                failed
            })
        };
        let fresh = [true, false, true, false].map(|one| asking(0, one)).into();
        let kept = [true, false, true, false].map(|one| asking(1, one)).into();
        Self { stop, answered, fresh, kept }
    }

    /// Waits until so many more were answered.
    async fn goes_on(&self, more: usize) {
        let until = self.answered.load(Ordering::Relaxed) + more;
        eventually("answers", || (self.answered.load(Ordering::Relaxed) >= until).then_some(())).await;
    }

    /// What failed on new connections, and on those that were kept.
    async fn end(self) -> (Vec<String>, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        let gathered = async |tasks: Vec<JoinHandle<Vec<String>>>| {
            let mut failed = Vec::new();
            for task in tasks {
                failed.extend(task.await.unwrap());
            }
            failed
        };
        (gathered(self.fresh).await, gathered(self.kept).await)
    }
}

/// `aops serve` with descriptors 3, 4 and 5 as systemd would give them.
pub(crate) fn activated(gateway: &Gateway, names: &str, sockets: [OwnedFd; 3]) -> Command {
    let serve = gateway.command(&["serve"]);
    let given =
        "exec 3<&0 4<&1 5<&2 </dev/null >>\"$0\" 2>&1; export LISTEN_PID=$$ LISTEN_FDS=3; exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", given]).arg(gateway.root().join("serve.log"));
    command.arg(serve.get_program()).args(serve.get_args()).env("LISTEN_FDNAMES", names);
    for (name, value) in serve.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let [input, output, errors] = sockets.map(Stdio::from);
    command.stdin(input).stdout(output).stderr(errors);
    command
}

fn followed(gateway: &Gateway) -> Child {
    let log = fs::File::options().append(true).open(gateway.root().join("serve.log")).unwrap();
    let mut command = gateway.command(&["serve", "--replace"]);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}

fn configure(gateway: &Gateway, old: &str, new: &str) {
    let path = gateway.root().join("site.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "{old}");
    fs::write(path, text.replace(old, new)).unwrap();
}

async fn metrics(gateway: &Gateway) -> String {
    reqwest::get(format!("http://{}/metrics", gateway.operations())).await.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connection_is_refused_while_systemd_holds_the_sockets_and_the_gateway_starts_again() {
    let mut gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000")]);
    let held = [gateway.https(), gateway.http(), gateway.operations()];
    let held = held.map(|address| TcpListener::bind(address).unwrap());
    let given = || held.each_ref().map(|socket| OwnedFd::from(socket.try_clone().unwrap()));
    let names = "https:http:operations";
    gateway.launch_by(activated(&gateway, names, given())).await;
    let load = Load::start(&gateway);
    for _ in 0..2 {
        load.goes_on(200).await;
        assert!(gateway.stop().success());
        gateway.launch_by(activated(&gateway, names, given())).await;
    }
    load.goes_on(200).await;
    let (fresh, kept) = load.end().await;
    assert!(fresh.is_empty(), "{fresh:?}");
    // A connection at rest may be closed just as its client asks again.
    assert!(kept.len() <= 8, "{kept:?}");
    assert!(TcpStream::connect(gateway.http()).is_ok());
}

#[tokio::test]
async fn a_given_socket_of_another_name_or_kind_is_refused_with_a_sentence() {
    let gateway = Gateway::prepare(&[]);
    let tcp = || OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap());
    let udp = || OwnedFd::from(UdpSocket::bind("127.0.0.1:0").unwrap());
    for (names, first, told) in [
        ("htps:http:operations", tcp(), "a socket named `htps` was given"),
        ("https:http:operations", udp(), "the socket given as `https` cannot be accepted from"),
    ] {
        let ended = activated(&gateway, names, [first, tcp(), tcp()]).status().unwrap();
        assert_eq!(ended.code(), Some(1));
        assert!(gateway.log().contains(told), "{}", gateway.log());
    }
}

#[tokio::test]
async fn the_service_manager_is_told_when_it_serves_reloads_and_stops() {
    let mut gateway = Gateway::prepare(&[]);
    let path = gateway.root().join("notify.sock");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let told = || {
        let mut message = [0; 256];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    gateway.set("NOTIFY_SOCKET", path.to_str().unwrap());
    gateway.launch().await;
    assert_eq!(told(), "READY=1\n");
    gateway.signal("-HUP");
    let reloading = told();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(told(), "READY=1\n");
    let mut follower = followed(&gateway);
    assert_eq!(follower.wait().unwrap().code(), Some(1), "under a service manager it is not replaced");
    assert!(gateway.log().contains("say `systemctl restart aops`"), "{}", gateway.log());
    assert!(gateway.stop().success());
    assert_eq!(told(), "STOPPING=1\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_gateway_follows_another_and_no_connection_is_refused() {
    let mut gateway = Gateway::start().await;
    let load = Load::start(&gateway);
    for _ in 0..2 {
        load.goes_on(200).await;
        let next = followed(&gateway);
        let id = next.id();
        let before = gateway.process_id();
        assert!(gateway.followed_by(next).success(), "{}", gateway.log());
        assert_ne!(before, id);
        load.goes_on(200).await;
        assert_eq!(gateway.process_id(), id);
    }
    let (fresh, kept) = load.end().await;
    assert!(fresh.is_empty(), "{fresh:?}");
    assert!(kept.len() <= 8, "{kept:?}");
    gateway.admin(&["ban", "list"]);
    assert!(gateway.stop().success(), "the last one stops like any other");
    assert!(TcpStream::connect(gateway.https()).is_err());
}

#[tokio::test]
async fn a_wrong_configuration_keeps_the_gateway_that_serves_and_the_line_is_told() {
    let gateway = Gateway::start().await;
    let right = fs::read_to_string(gateway.root().join("site.toml")).unwrap();
    let line = 1 + right.lines().position(|line| line.starts_with("hosts = ")).unwrap();
    for (new, told) in [
        ("hosts = 7", format!("site.toml:{line}:")),
        (
            "hosts = [\"localhost\"]\ntls = { certificate = \"gone.pem\", key = \"gone.key\" }",
            "gone.pem".into(),
        ),
        ("hosts = [\"localhost\"]\ndrain_seconds = 0", "from 1 to 600".into()),
    ] {
        configure(&gateway, "hosts = [\"localhost\"]", new);
        let refused = gateway.command(&["serve", "--replace"]).output().unwrap();
        assert_eq!(refused.status.code(), Some(1));
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(error.contains(&told), "{error}");
        fs::write(gateway.root().join("site.toml"), &right).unwrap();
        assert_eq!(gateway.get("/").await.status(), 200);
    }
    assert!(!gateway.log().contains("another gateway follows"));
}

#[tokio::test]
async fn a_follower_killed_half_way_leaves_the_sockets_to_the_gateway_before_it() {
    let gateway = {
        let mut gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000")]);
        configure(&gateway, "hosts = [\"localhost\"]", "hosts = [\"localhost\"]\ndrain_seconds = 3");
        gateway.launch().await;
        gateway
    };
    // A body that does not come holds the drain up.
    let mut open = Raw::h1(&gateway);
    open.send(b"POST /newsletter HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\nno").unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut follower = followed(&gateway);
    eventually("a hand-over", || gateway.log().contains("another gateway follows").then_some(())).await;
    follower.kill().unwrap();
    follower.wait().unwrap();
    // It waits in the socket meanwhile.
    assert_eq!(gateway.get("/").await.status(), 200);
    let log = gateway.log();
    assert!(log.contains("open requests were cut after 3s"), "{log}");
    assert!(log.contains("does not serve: this one starts again"), "{log}");
    assert_eq!(gateway.admin(&["ban", "list"]), serde_json::json!([]));
    assert!(metrics(&gateway).await.contains("http_requests_total"));
}

#[tokio::test]
async fn a_new_configuration_is_taken_while_it_runs_and_what_waits_for_a_restart_is_named() {
    let gateway = Gateway::start_with(&[]).await;
    let policy = async || {
        let answer = gateway.get("/favicon.svg").await;
        answer.headers()["ratelimit-policy"].to_str().unwrap().to_owned()
    };
    assert_eq!(policy().await, "\"pages\";q=400;w=4");
    let limits =
        "limits = { pages = { per_minute = 600, burst = 50 } }\nhosts = [\"localhost\", \"other.test\"]";
    configure(&gateway, "hosts = [\"localhost\"]", limits);
    configure(&gateway, "from_name = \"AOPS Conseil\"", "from_name = \"AOPS\"");
    gateway.signal("-HUP");
    eventually("word of it", || gateway.log().contains("the configuration was read again").then_some(()))
        .await;
    let log = gateway.log();
    assert!(log.contains(r#""changed":"[\"limits\", \"hosts\"]""#), "{log}");
    assert!(log.contains("[mail] changed in site.toml or the environment; it is taken by"), "{log}");
    assert_eq!(policy().await, "\"pages\";q=50;w=5");
    let redirected = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let asked = redirected.get(format!("http://{}/", gateway.http())).header("host", "other.test").send();
    assert_eq!(asked.await.unwrap().status(), 301, "a new name is ours");

    configure(&gateway, "burst = 50", "burst = \"many\"");
    gateway.signal("-HUP");
    eventually("word of the fault", || {
        gateway.log().contains("the configuration was not taken").then_some(())
    })
    .await;
    let config = fs::read_to_string(gateway.root().join("site.toml")).unwrap();
    let line = 1 + config.lines().position(|line| line.starts_with("limits = ")).unwrap();
    let log = gateway.log();
    assert!(log.contains(&format!("site.toml:{line}:")), "{log}");
    assert_eq!(policy().await, "\"pages\";q=50;w=5", "what was there stays");
    let metrics = metrics(&gateway).await;
    for outcome in ["taken", "refused"] {
        let counted = format!("configuration_reloads_total{{outcome=\"{outcome}\"}} 1");
        assert!(metrics.contains(&counted), "{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_read_again_under_load_and_no_request_is_lost() {
    let gateway = Gateway::start().await;
    let load = Load::start(&gateway);
    for round in 1..=5 {
        load.goes_on(50).await;
        gateway.signal("-HUP");
        let taken = || gateway.log().matches("the certificates were read again").count() >= round;
        eventually("the certificates", || taken().then_some(())).await;
    }
    let (fresh, kept) = load.end().await;
    assert!(fresh.is_empty() && kept.is_empty(), "{fresh:?} {kept:?}");
}

#[tokio::test]
async fn every_thread_is_bounded_and_a_planted_link_leads_nowhere() {
    for sandbox in ["off", "best-effort"] {
        let mut gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000")]);
        configure(
            &gateway,
            "hosts = [\"localhost\"]",
            &format!("hosts = [\"localhost\"]\nsandbox = \"{sandbox}\""),
        );
        fs::remove_file(gateway.root().join("deploy")).unwrap();
        fs::create_dir(gateway.root().join("deploy")).unwrap();
        let list = gateway.root().join("deploy/blocklist.txt");
        fs::write(&list, "").unwrap();
        gateway.launch().await;
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("list"), "192.0.2.0/24\n198.51.100.0/24\n").unwrap();
        fs::remove_file(&list).unwrap();
        symlink(outside.path().join("list"), &list).unwrap();
        if sandbox == "off" {
            let read = || gateway.log().contains("the blocklist was read again").then_some(());
            eventually("the list behind the link", read).await;
            continue;
        }
        let metrics = metrics(&gateway).await;
        let held = |layer: &str| metrics.contains(&format!("sandbox{{layer=\"{layer}\"}} 1"));
        assert!(held("system_calls"), "{metrics}");
        for task in fs::read_dir(format!("/proc/{}/task", gateway.process_id())).unwrap() {
            let told = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            assert!(told.contains("Seccomp:\t2") && told.contains("NoNewPrivs:\t1"), "{told}");
        }
        if held("files") {
            eventually("its refusal", || gateway.log().contains("Permission denied").then_some(())).await;
            assert!(!gateway.log().contains("the blocklist was read again"));
        } else {
            assert!(gateway.log().contains("the process is bounded in part"), "{}", gateway.log());
        }
        let mut raw = Raw::h1(&gateway);
        raw.send(b"GET /favicon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        assert_eq!(status(&raw.answer().unwrap().0), 200);
    }
}
