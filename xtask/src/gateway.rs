//! The built gateway on a scratch folder and free ports, for outside tools and long runs.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::{Certificate, Client};
use tempfile::TempDir;

use crate::sh;

/// A gateway that runs, and goes with this value.
pub(crate) struct Gateway {
    process: Child,
    profile: String,
    root: TempDir,
    https: SocketAddr,
    operations: SocketAddr,
}

impl Gateway {
    /// Starts a build of this profile (`debug`, `release`) with generous limits, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn start(profile: &str) -> Result<Self> {
        Self::start_with(profile, &[]).await
    }

    /// As [`Gateway::start`], with so much more in its environment.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn start_with(profile: &str, environment: &[(&str, &str)]) -> Result<Self> {
        Self::launch(profile, &["serve"], environment, "").await
    }

    /// A command of `aops` that serves until it is stopped, with so much more in its environment, and in its
    /// `site.toml` before the table of mail.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn launch(
        profile: &str,
        command: &[&str],
        environment: &[(&str, &str)],
        more: &str,
    ) -> Result<Self> {
        let root = tempfile::tempdir()?;
        for shared in ["content", "themes", "deploy", ".cache"] {
            symlink(sh::repository().join(shared), root.path().join(shared))?;
        }
        let configuration = std::fs::read_to_string(sh::repository().join("site.toml"))?;
        let configuration = configuration.replace("\n[mail]\n", &format!("\n{more}\n[mail]\n"));
        std::fs::write(root.path().join("site.toml"), configuration)?;
        // Held together, so that they differ, and let go before the gateway takes them.
        let free = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0"));
        let mut addresses = Vec::new();
        for listener in free {
            addresses.push(listener?.local_addr()?);
        }
        let [https, http, operations] = addresses[..] else { unreachable!("three were asked for") };
        let log = std::fs::File::create(root.path().join("serve.log"))?;
        let process = sh::command(&sh::binary(profile)?.to_string_lossy(), command)
            .arg("--root")
            .arg(root.path())
            .env("AOPS_HTTPS", https.to_string())
            .env("AOPS_HTTP", http.to_string())
            .env("AOPS_OPERATIONS", operations.to_string())
            .env("AOPS_LIMITS_FACTOR", "100000")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("the gateway cannot be started")?;
        let gateway = Self { process, profile: profile.to_owned(), root, https, operations };
        let deadline = Instant::now() + Duration::from_secs(120);
        let plain = Client::new();
        while plain.get(gateway.operations("/readyz")).send().await.is_err() {
            let log = gateway.root.path().join("serve.log");
            ensure!(
                Instant::now() < deadline,
                "the gateway is not ready:\n{}",
                std::fs::read_to_string(log)?
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(gateway)
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it holds in memory, in MB.
    ///
    /// # Errors
    /// When the system does not tell.
    pub(crate) fn resident(&self) -> Result<u64> {
        let told = std::fs::read_to_string(format!("/proc/{}/statm", self.id()))?;
        let pages: u64 = told.split(' ').nth(1).context("no resident pages")?.parse()?;
        Ok(pages * 4096 / 1_000_000)
    }

    /// `aops …` on its folder.
    ///
    /// # Errors
    /// When there is no build.
    pub(crate) fn command(&self, arguments: &[&str]) -> Result<std::process::Command> {
        let mut command = sh::command(&sh::binary(&self.profile)?.to_string_lossy(), arguments);
        command.arg("--root").arg(self.root.path());
        Ok(command)
    }

    /// The TLS listener.
    pub(crate) fn https(&self) -> SocketAddr {
        self.https
    }

    /// An address on the TLS listener.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.https.port())
    }

    /// An address on the operations listener.
    pub(crate) fn operations(&self, path: &str) -> String {
        format!("http://{}{path}", self.operations)
    }

    /// The local authority.
    pub(crate) fn authority(&self) -> PathBuf {
        self.root.path().join("data/tls/ca.pem")
    }

    /// A client that trusts it.
    ///
    /// # Errors
    /// When the authority cannot be read.
    pub(crate) fn client(&self) -> Result<Client> {
        let authority = Certificate::from_pem(&std::fs::read(self.authority())?)?;
        Ok(Client::builder().tls_certs_only([authority]).timeout(Duration::from_secs(20)).build()?)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended already; there is nobody to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
