//! Documents on a server instead of a file: the same journeys, kills on both sides, and what the server's file shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::support::{Gateway, link, run_with};

const SUBSCRIBER: &str = "plantee-lettre@example.org";
const HOLDER: [(&str, &str); 8] = [
    ("nom", "Plantée-Nom"),
    ("prenom", "Anaïs-Plantée"),
    ("profession", "Actuaire plantée"),
    ("raison_sociale", "Société plantée"),
    ("adresse", "1 rue Plantée, 75017 Paris"),
    ("email", "plantee-compte@example.org"),
    ("mot_de_passe", "Cheval-correct-agrafe-9"),
    ("cgu", "accepte"),
];
const SIGN_IN: [(&str, &str); 2] = [HOLDER[5], HOLDER[6]];
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// A server that keeps what it acknowledges, on a socket in its folder.
pub(crate) struct Server {
    process: Option<Child>,
    folder: TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        let mut server = Self { process: None, folder: tempfile::tempdir().unwrap() };
        server.launch();
        server
    }

    pub(crate) fn launch(&mut self) {
        let started = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", "always"])
            .args(["--requirepass", "right", "--unixsocket", "store.sock", "--dir"])
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .spawn();
        self.process = Some(started.expect("redis-server is installed by cargo xtask test"));
        for _ in 0..500 {
            if std::os::unix::net::UnixStream::connect(self.folder.path().join("store.sock")).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("redis-server does not listen");
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub(crate) fn gateway(&self) -> Gateway {
        let gateway = Gateway::prepare(&[
            ("AOPS_LIMITS_FACTOR", "1000"),
            ("AOPS_MASTER_KEY", KEY),
            ("AOPS_STORE_PASSWORD", "right"),
        ]);
        let config = gateway.root().join("site.toml");
        let text = fs::read_to_string(&config).unwrap();
        fs::write(&config, text.replace("\n[mail]\n", &self.table())).unwrap();
        gateway
    }

    /// What `site.toml` says of it, before its table of mail.
    fn table(&self) -> String {
        format!("\n[store]\nurls = [\"redis+unix://{}\"]\n\n[mail]\n", self.socket().display())
    }

    /// Loses everything that it keeps, and goes on.
    pub(crate) fn forget(&mut self) {
        self.kill();
        fs::remove_dir_all(self.folder.path().join("appendonlydir")).unwrap();
        self.launch();
    }

    /// Where it keeps its files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("store.sock")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn shows(folder: &Path, planted: &str) -> bool {
    fs::read_dir(folder).unwrap().map(Result::unwrap).any(|entry| {
        let kind = entry.file_type().unwrap();
        kind.is_dir() && shows(&entry.path(), planted)
            || kind.is_file()
                && fs::read(entry.path())
                    .unwrap()
                    .windows(planted.len())
                    .any(|part| part == planted.as_bytes())
    })
}

#[tokio::test]
async fn on_a_server_a_subscription_and_a_sign_up_survive_every_kill_and_its_file_shows_nobody() {
    let mut server = Server::start();
    let mut gateway = server.gateway();
    gateway.launch().await;
    assert!(!gateway.data().join("aops.redb").exists(), "nothing is kept here");
    assert_eq!(gateway.post("/newsletter", &[("email", SUBSCRIBER)]).await.status(), 303);
    assert_eq!(gateway.post("/compte/inscription", &HOLDER).await.status(), 303);
    gateway.kill();
    server.kill();
    server.launch();
    gateway.launch().await;
    let mail = gateway.mail_with(&[HOLDER[5].1, "/compte/verification?jeton="]).await;
    assert_eq!(gateway.get(&link(&mail, "/compte/verification?jeton=")).await.status(), 200);
    let mail = gateway.mail_with(&[SUBSCRIBER, "/newsletter/confirmation?jeton="]).await;
    assert_eq!(gateway.get(&link(&mail, "/newsletter/confirmation?jeton=")).await.status(), 200);
    gateway.kill();

    // Another machine takes its place, with the same keys and a data folder of its own.
    let mut other = server.gateway();
    other.launch().await;
    assert_eq!(other.post("/compte/connexion", &SIGN_IN).await.status(), 303);
    let subscribers = other.admin(&["subscribers", "list"]);
    assert_eq!(
        (&subscribers[0]["email"], &subscribers[0]["state"]),
        (&SUBSCRIBER.into(), &"confirmed".into())
    );
    assert_eq!(other.admin(&["store", "verify"])["damaged"], serde_json::json!([]));

    // Away, it is told; back, it serves again by itself.
    server.kill();
    assert_eq!(other.post("/compte/connexion", &SIGN_IN).await.status(), 503);
    assert_eq!(other.get("/").await.status(), 200, "pages need no store");
    server.launch();
    assert_eq!(other.post("/compte/connexion", &SIGN_IN).await.status(), 303);

    let file = other.root().join("a.backup");
    let backup = file.to_str().unwrap();
    let documents = other.admin(&["backup", backup])["documents"].clone();
    other.kill();
    let planted = HOLDER[..7].iter().map(|(_, value)| *value).chain([SUBSCRIBER]);
    for planted in planted {
        assert!(!shows(server.folder.path(), planted), "the server's file shows {planted}");
        assert!(!other.log().contains(planted) && !gateway.log().contains(planted), "a log shows {planted}");
    }

    // The server loses everything: it is not taken for empty, and the backup brings all back.
    server.forget();
    let refused = run_with(other.command(&["serve"]), "");
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("has lost documents"));
    let doctor = run_with(other.command(&["doctor"]), "");
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("has lost documents"));
    assert_eq!(other.admin(&["restore", backup])["documents"], documents);
    other.launch().await;
    assert_eq!(other.post("/compte/connexion", &SIGN_IN).await.status(), 303);
    assert_eq!(other.admin(&["subscribers", "list"])[0]["email"], SUBSCRIBER);
}

#[tokio::test]
async fn documents_in_a_file_are_not_passed_over_when_a_server_is_configured_and_move_by_a_backup() {
    let server = Server::start();
    let mut gateway = server.gateway();
    let config = gateway.root().join("site.toml");
    let with = fs::read_to_string(&config).unwrap();
    let without = with.replace(&server.table(), "\n[mail]\n");
    assert_ne!(with, without);
    fs::write(&config, &without).unwrap();
    let (password, _) = gateway.client_account("client@example.org", None);
    let file = gateway.root().join("a.backup");
    gateway.admin(&["backup", file.to_str().unwrap()]);
    fs::write(&config, &with).unwrap();
    let refused = run_with(gateway.command(&["admin", "account", "list"]), "");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("aops.redb holds documents"));
    gateway.admin(&["restore", file.to_str().unwrap()]);
    gateway.launch().await;
    gateway.sign_in("client@example.org", &password).await;
    gateway.stop();
    fs::remove_file(gateway.data().join("aops.redb")).unwrap();
    fs::write(&config, &without).unwrap();
    let refused = run_with(gateway.command(&["admin", "account", "list"]), "");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("are on a server"));
}
