//! Starts the built binary on a scratch folder and speaks to it as its users would.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Certificate, Client, Response, redirect};
use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
pub(crate) const AOPS: &str = env!("CARGO_BIN_EXE_aops");

/// The repository's root folder.
pub(crate) const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// A gateway that runs on its own ports and its own folder, and goes with this value.
pub(crate) struct Gateway {
    process: Option<Child>,
    root: TempDir,
    environment: Vec<(String, String)>,
    https: SocketAddr,
    http: SocketAddr,
    operations: SocketAddr,
}

impl Gateway {
    /// The repository's own site, as `aops serve` runs it, with generous limits.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[("AOPS_LIMITS_FACTOR", "1000")]).await
    }

    /// The same, with variables of its own.
    pub(crate) async fn start_with(environment: &[(&str, &str)]) -> Self {
        let mut gateway = Self::prepare(environment);
        gateway.launch().await;
        gateway
    }

    /// A gateway that is not started yet, so that its folder can be changed first.
    pub(crate) fn prepare(environment: &[(&str, &str)]) -> Self {
        let root = scratch_root();
        let [https, http, operations] = free_addresses();
        let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Self { process: None, root, environment, https, http, operations }
    }

    /// A gateway that somebody else starts and stops, by its address and its data folder.
    pub(crate) fn elsewhere(https: SocketAddr, data: &Path) -> Self {
        let root = TempDir::new().unwrap();
        symlink(data, root.path().join("data")).unwrap();
        Self { process: None, root, environment: Vec::new(), https, http: https, operations: https }
    }

    /// Starts `aops serve` and waits until it is ready.
    pub(crate) async fn launch(&mut self) {
        self.launch_with(&["serve"]).await;
    }

    /// Starts the process with these arguments and waits until it is ready.
    pub(crate) async fn launch_with(&mut self, arguments: &[&str]) {
        let log = fs::File::options().create(true).append(true).open(self.root().join("serve.log")).unwrap();
        self.launch_into(arguments, log).await;
    }

    /// Starts `aops serve` with a log of its own.
    pub(crate) async fn launch_with_log(&mut self, log: fs::File) {
        let mut command = self.command(&["serve"]);
        command.stdout(Stdio::null()).stderr(log).stdin(Stdio::null());
        self.wait_for(command).await;
    }

    async fn launch_into(&mut self, arguments: &[&str], log: fs::File) {
        let mut command = self.command(arguments);
        command.stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null());
        self.wait_for(command).await;
    }

    /// Starts the process by a command of its own and waits until it is ready.
    pub(crate) async fn launch_by(&mut self, command: Command) {
        self.wait_for(command).await;
    }

    /// Another process takes the place of this one; how this one ended.
    pub(crate) fn followed_by(&mut self, next: Child) -> std::process::ExitStatus {
        let mut before = self.process.replace(next).unwrap();
        before.wait().unwrap()
    }

    /// Sends a signal to the process.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.process_id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Starts `aops serve` and waits until it answers, ready or not.
    pub(crate) async fn launch_unready(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.root().join("serve.log")).unwrap();
        let mut command = self.command(&["serve"]);
        command.stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null());
        self.wait_until(command, "livez").await;
    }

    async fn wait_for(&mut self, command: Command) {
        self.wait_until(command, "readyz").await;
    }

    async fn wait_until(&mut self, mut command: Command, path: &str) {
        self.process = Some(command.spawn().unwrap());
        let deadline = Instant::now() + Duration::from_secs(60);
        let ready = format!("http://{}/{path}", self.operations);
        let client = Client::new();
        loop {
            if client.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            if let Some(ended) = self.process.as_mut().unwrap().try_wait().unwrap() {
                panic!("the gateway ended with {ended}:\n{}", self.log());
            }
            assert!(Instant::now() < deadline, "the gateway is not ready after a minute:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The process.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// Kills the process at once, as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Asks the process to stop and waits for its end.
    pub(crate) fn stop(&mut self) -> std::process::ExitStatus {
        let mut process = self.process.take().unwrap();
        let stopped = Command::new("kill").args(["-TERM", &process.id().to_string()]).status().unwrap();
        assert!(stopped.success());
        process.wait().unwrap()
    }

    /// Waits for the end of a process that was told to stop.
    #[cfg(feature = "http3")]
    pub(crate) fn ended(&mut self) -> std::process::ExitStatus {
        self.process.take().unwrap().wait().unwrap()
    }

    /// Changes a variable for the next start.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(other, _)| other != name);
        self.environment.push((name.into(), value.into()));
    }

    /// What the process has written, on both channels.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.root().join("serve.log")).unwrap_or_default()
    }

    /// The scratch folder that stands for the repository.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.root().join("data")
    }

    /// The TLS listener.
    pub(crate) fn https(&self) -> SocketAddr {
        self.https
    }

    /// The plain listener.
    pub(crate) fn http(&self) -> SocketAddr {
        self.http
    }

    /// The operations listener.
    pub(crate) fn operations(&self) -> SocketAddr {
        self.operations
    }

    /// An absolute address on the TLS listener.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.https.port())
    }

    /// A client that trusts the local authority and follows no redirect.
    pub(crate) fn client(&self) -> Client {
        let authority = fs::read(self.data().join("tls/ca.pem")).unwrap();
        Client::builder()
            .tls_certs_only([Certificate::from_pem(&authority).unwrap()])
            .redirect(redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap()
    }

    /// A GET.
    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client().get(self.url(path)).send().await.unwrap()
    }

    /// Whether a new client is refused.
    pub(crate) async fn get_fails(&self) -> bool {
        self.client().get(self.url("/")).send().await.is_err()
    }

    /// A form posted as a browser does from one of our pages.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        self.post_as(path, fields, None).await
    }

    /// The same, with a session cookie.
    pub(crate) async fn post_as(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        cookie: Option<&str>,
    ) -> Response {
        let mut request = self
            .client()
            .post(self.url(path))
            .header("origin", self.url("").as_str())
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(serde_urlencoded(fields));
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        request.send().await.unwrap()
    }

    /// `aops …` on this gateway's folder, with its environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(AOPS);
        for name in [
            "STRIPE_SECRET_KEY",
            "STRIPE_WEBHOOK_SECRET",
            "STRIPE_API_BASE",
            "SENDGRID_API_KEY",
            "SENDGRID_API_BASE",
            "SENDGRID_WEBHOOK_KEY",
            "AOPS_SMTP_PASSWORD",
            "AOPS_MASTER_KEY",
            "AOPS_STORE_PASSWORD",
            "AOPS_BLOBS_SECRET",
        ] {
            command.env_remove(name);
        }
        command
            .arg("--root")
            .arg(self.root())
            .args(arguments)
            .env("AOPS_HTTPS", self.https.to_string())
            .env("AOPS_HTTP", self.http.to_string())
            .env("AOPS_OPERATIONS", self.operations.to_string())
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// `aops admin … --json`, which must succeed.
    pub(crate) fn admin(&self, arguments: &[&str]) -> Value {
        self.admin_with(arguments, "")
    }

    /// The same, with something on standard input.
    pub(crate) fn admin_with(&self, arguments: &[&str], input: &str) -> Value {
        let mut all = vec!["admin"];
        all.extend(arguments);
        all.push("--json");
        let output = run_with(self.command(&all), input);
        assert!(output.status.success(), "aops {all:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// An account with a plan and an API key: its e-mail, password and key.
    pub(crate) fn client_account(&self, email: &str, plan: Option<&str>) -> (String, String) {
        let password = "Cheval-correct-agrafe-9";
        let mut arguments = vec!["account", "create", "--email", email, "--password-stdin", "--verified"];
        if let Some(plan) = plan {
            arguments.extend(["--plan", plan]);
        }
        self.admin_with(&arguments, &format!("{password}\n"));
        let key = self.admin(&["apikey", "create", "--account", email]);
        (password.to_owned(), key["key"].as_str().unwrap().to_owned())
    }

    /// Signs in and answers the session cookie, ready to send.
    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> String {
        let answer = self.post("/compte/connexion", &[("email", email), ("mot_de_passe", password)]).await;
        assert_eq!(answer.status(), 303);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    /// The mails written so far as files, oldest first, as text with transfer codings undone.
    pub(crate) fn mails(&self) -> Vec<String> {
        let Ok(folder) = fs::read_dir(self.data().join("mail")) else {
            return Vec::new();
        };
        let mut files: Vec<_> = folder
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
            .collect();
        files.sort_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
        files.iter().map(|path| readable(&fs::read_to_string(path).unwrap())).collect()
    }

    /// The first mail that holds all of these, once it has been written.
    pub(crate) async fn mail_with(&self, wanted: &[&str]) -> String {
        eventually("a mail", || {
            self.mails().into_iter().find(|mail| wanted.iter().all(|text| mail.contains(text)))
        })
        .await
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Asks again until there is something, for at most twenty seconds.
pub(crate) async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "no {what} after twenty seconds");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The processes that a process has started and that have not ended.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let of = |entry: fs::DirEntry| {
        let id = entry.file_name().to_str()?.parse::<u32>().ok()?;
        let told = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name of the program stands in parentheses, and may hold anything.
        let mut fields = told[told.rfind(')')? + 1..].split_whitespace();
        let (state, parent_of) = (fields.next()?, fields.next()?.parse::<u32>().ok()?);
        (parent_of == parent && state != "Z").then_some(id)
    };
    fs::read_dir("/proc").unwrap().filter_map(|entry| of(entry.ok()?)).collect()
}

/// Runs a command to its end with something on standard input.
pub(crate) fn run_with(mut command: Command, input: &str) -> Output {
    let mut process =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that reads nothing may have ended already.
    let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
    process.wait_with_output().unwrap()
}

/// The path and query of the first link of ours that holds `path`.
pub(crate) fn link(text: &str, path: &str) -> String {
    let start = text.find(path).unwrap_or_else(|| panic!("no link to {path} in:\n{text}"));
    let end = text[start..]
        .find(|c: char| c.is_whitespace() || "\"<>)".contains(c))
        .map_or(text.len(), |n| start + n);
    text[start..end].replace("&amp;", "&")
}

/// A folder that stands for the repository: its own `site.toml`, the repository's content and theme.
pub(crate) fn scratch_root() -> TempDir {
    let root = TempDir::new().unwrap();
    let repository = Path::new(REPOSITORY);
    for shared in ["content", "themes", "deploy"] {
        symlink(repository.join(shared), root.path().join(shared)).unwrap();
    }
    fs::copy(repository.join("site.toml"), root.path().join("site.toml")).unwrap();
    // Compressed forms are kept by content: they are made once for all tests.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("site-cache");
    fs::create_dir_all(&cache).unwrap();
    symlink(cache, root.path().join(".cache")).unwrap();
    root
}

/// Undoes quoted-printable, in which our mails are written.
fn readable(mail: &str) -> String {
    let joined = mail.replace("=\r\n", "").replace("=\n", "");
    let mut bytes = Vec::with_capacity(joined.len());
    let mut rest = joined.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, hex) {
            (b'=', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn serde_urlencoded(fields: &[(&str, &str)]) -> String {
    let mut form = reqwest::Url::parse("http://form/").unwrap();
    form.query_pairs_mut().extend_pairs(fields);
    form.query().unwrap_or_default().to_owned()
}

/// Addresses that nothing listens on, below the ports of connections on their way out (32768 to 60999, ip(7)): one of
/// those may be taken while a site is being built. Each process of the tests begins elsewhere.
pub(crate) fn free_addresses<const COUNT: usize>() -> [SocketAddr; COUNT] {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    [(); COUNT].map(|()| {
        loop {
            let next = NEXT.fetch_add(1, Ordering::Relaxed);
            let port = 12_000 + std::process::id().wrapping_mul(64).wrapping_add(next) % 20_000;
            let address = SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap()));
            if TcpListener::bind(address).is_ok() {
                return address;
            }
        }
    })
}
