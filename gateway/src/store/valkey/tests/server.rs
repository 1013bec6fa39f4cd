//! Servers of Debian's package that tests start, stop, and take their files from.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use crate::config::ValkeyConfig;
use crate::valkey::{Connection, Valkey};

/// A server on an address and a folder of its own, which goes with this value.
pub(super) struct Server {
    process: Option<Child>,
    folder: TempDir,
    /// Nobody else's while the server is down: other tests start servers then.
    pub(super) host: Ipv4Addr,
    pub(super) port: u16,
    settings: Vec<String>,
}

impl Server {
    /// One that keeps what it acknowledges.
    pub(super) async fn start(more: &[&str]) -> Self {
        let mut settings: Vec<String> =
            ["--appendonly", "yes", "--appendfsync", "always"].map(String::from).into();
        settings.extend(more.iter().map(|word| (*word).to_owned()));
        Self::on(own_address(), settings).await
    }

    /// One with these settings alone.
    pub(super) async fn with(settings: Vec<String>) -> Self {
        Self::on(own_address(), settings).await
    }

    /// The same, on an address that was chosen before.
    pub(super) async fn on((host, port): (Ipv4Addr, u16), settings: Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self { process: None, folder, host, port, settings };
        server.launch().await;
        server
    }

    /// Starts the process and waits until it answers.
    pub(super) async fn launch(&mut self) {
        self.launch_by(Command::new("redis-server")).await;
    }

    /// The same, its clock going on from another date (`2036-01-01`).
    pub(super) async fn launch_at(&mut self, date: &str) {
        let mut command = Command::new("datefudge");
        command.args([date, "redis-server"]);
        self.launch_by(command).await;
    }

    async fn launch_by(&mut self, mut command: Command) {
        let log = fs::File::create(self.path("log")).unwrap();
        let port = self.port.to_string();
        let tls = self.settings.iter().any(|word| word == "--tls-port");
        let plain = if tls { "0" } else { &port[..] };
        let settings = self.settings.iter().map(|word| word.replace("PORT", &port));
        // A file comes first; what follows wins.
        let (files, settings): (Vec<_>, Vec<_>) = settings.partition(|word| word.ends_with(".conf"));
        let process = command
            .args(files)
            .args(["--port", plain, "--bind", &self.host.to_string(), "--save", "", "--dir"])
            .arg(self.folder.path())
            .args(settings)
            .stdout(log)
            .stdin(Stdio::null())
            .spawn()
            .expect("redis-server and datefudge are installed by cargo xtask test");
        self.process = Some(process);
        for _ in 0..600 {
            if std::net::TcpStream::connect((self.host, self.port)).is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("redis-server does not listen: {}", fs::read_to_string(self.path("log")).unwrap());
    }

    pub(super) fn signal(&self, name: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Everything that it kept is gone.
    pub(super) fn forget(&self) {
        fs::remove_dir_all(self.path("appendonlydir")).unwrap();
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn url(&self) -> String {
        format!("redis://{}:{}", self.host, self.port)
    }

    pub(super) fn valkey(&self) -> Valkey {
        valkey(&[self.url()])
    }

    /// Asks it directly, as whoever runs it would.
    pub(super) async fn ask(&self, words: &[&str]) -> String {
        ask(&self.valkey().connect().await.unwrap(), words).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(super) fn valkey(urls: &[String]) -> Valkey {
    let config = ValkeyConfig { urls: urls.to_vec(), user: None, authority: None, certificate: None };
    Valkey::new(&config, None).unwrap()
}

pub(super) async fn ask(connection: &Connection, words: &[&str]) -> String {
    let mut command = redis::cmd(words[0]);
    words[1..].iter().for_each(|word| {
        command.arg(*word);
    });
    let told: redis::Value = connection.ask(&command).await.unwrap();
    redis::from_redis_value(told.clone()).unwrap_or_else(|_| format!("{told:?}"))
}

/// An address of the loop that nobody else has.
pub(super) fn own_address() -> (Ipv4Addr, u16) {
    // From 2 on: where 127.0.0.1 is, others are.
    static COUNT: AtomicU32 = AtomicU32::new(2);
    let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let [_, high, middle, low] = (process.wrapping_mul(64).wrapping_add(count)).to_be_bytes();
    (Ipv4Addr::new(127, high | 128, middle, low), 6_379)
}

/// Three nodes that share the slots, each with as many replicas as asked for.
pub(super) struct Cluster {
    pub(super) nodes: Vec<Server>,
}

impl Cluster {
    pub(super) async fn start(replicas: usize) -> Self {
        let mut nodes = Vec::new();
        for _ in 0..3 * (1 + replicas) {
            nodes.push(node().await);
        }
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]);
        create.args(nodes.iter().map(|node| format!("{}:{}", node.host, node.port)));
        create.args(["--cluster-replicas", &replicas.to_string(), "--cluster-yes"]);
        let created = create.output().unwrap();
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
        for node in &nodes {
            for tries in 0.. {
                if node.ask(&["CLUSTER", "INFO"]).await.contains("cluster_state:ok") {
                    break;
                }
                assert!(tries < 500, "the cluster does not come up");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Self { nodes }
    }

    pub(super) fn valkey(&self) -> Valkey {
        valkey(&self.nodes.iter().map(Server::url).collect::<Vec<_>>())
    }
}

async fn node() -> Server {
    let (host, port) = own_address();
    let words = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-announce-ip"];
    let mut settings: Vec<String> =
        ["--appendonly", "yes", "--appendfsync", "always"].map(String::from).into();
    settings.extend(words.map(String::from));
    settings.push(host.to_string());
    Server::on((host, port), settings).await
}

/// A folder for what a machine knows of its store.
pub(super) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A path as a setting.
pub(super) fn word(path: &Path) -> &str {
    path.to_str().unwrap()
}
