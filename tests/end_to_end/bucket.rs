//! A server that speaks S3, moto's, on this machine: with a journal, so that it may be killed, and behind a proxy that
//! fails as it is told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Client;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Gateway, REPOSITORY, free_addresses};

pub(crate) const BUCKET: &str = "contents";
const SECRET: &str = "secret-of-the-bucket";

/// How a call is failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// 503, as a server says that asks to be left alone.
    Busy,
    /// 403.
    Forbidden,
    /// Nothing comes.
    Silent,
    /// It comes after this.
    Slow(Duration),
    /// A byte of what is read is another.
    Altered,
}

/// What the proxy does: this fault, to so many calls of this method.
type Plan = Arc<Mutex<Option<(Fault, &'static str, usize)>>>;

/// The server, its proxy and its folder.
pub(crate) struct Bucket {
    process: Option<Child>,
    folder: TempDir,
    behind: SocketAddr,
    proxy: SocketAddr,
    plan: Plan,
}

impl Bucket {
    pub(crate) async fn start() -> Self {
        let [behind] = free_addresses();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = listener.local_addr().unwrap();
        let plan = Plan::default();
        tokio::spawn(accept(listener, behind, Arc::clone(&plan)));
        let mut bucket = Self { process: None, folder: tempfile::tempdir().unwrap(), behind, proxy, plan };
        bucket.launch().await;
        bucket
    }

    pub(crate) async fn launch(&mut self) {
        let python = python();
        let started = Command::new(&python)
            .arg(format!("{REPOSITORY}/deploy/one-machine/s3.py"))
            .args([&self.behind.port().to_string(), BUCKET])
            .arg(self.folder.path().join("journal.jsonl"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(started.expect("moto_server is installed by cargo xtask test"));
        for _ in 0..600 {
            if Client::new().get(format!("http://{}/", self.behind)).send().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the S3 server does not listen");
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Fails so many calls of a method.
    pub(crate) fn fail(&self, fault: Fault, method: &'static str, calls: usize) {
        *self.plan.lock().unwrap() = Some((fault, method, calls));
    }

    pub(crate) fn mend(&self) {
        *self.plan.lock().unwrap() = None;
    }

    /// The table of `site.toml`.
    pub(crate) fn table(&self) -> String {
        format!(
            "\n[blobs]\nendpoint = \"http://{}\"\nregion = \"fra1\"\nbucket = \"{BUCKET}\"\naccess_key = \"test\"\n\
             patience_seconds = 3\n",
            self.proxy
        )
    }

    /// Has a gateway, or a worker, use it.
    pub(crate) fn used_by(&self, member: &mut Gateway) {
        let config = member.root().join("site.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        let table = text.find("\n[mail]\n").unwrap();
        std::fs::write(&config, format!("{}{}{}", &text[..table], self.table(), &text[table..])).unwrap();
        member.set("AOPS_BLOBS_SECRET", SECRET);
    }

    /// The names of the objects that it holds.
    pub(crate) async fn objects(&self) -> Vec<String> {
        objects_at(self.behind).await
    }

    /// The bytes of an object.
    pub(crate) async fn object(&self, name: &str) -> Vec<u8> {
        let url = format!("http://{}/{BUCKET}/{name}", self.behind);
        signed(Client::new().get(url)).send().await.unwrap().bytes().await.unwrap().to_vec()
    }

    /// Puts bytes under a name, beside the proxy.
    pub(crate) async fn put(&self, name: &str, bytes: &[u8]) {
        let url = format!("http://{}/{BUCKET}/{name}", self.behind);
        let put = signed(Client::new().put(url)).body(bytes.to_vec()).send().await.unwrap();
        assert!(put.status().is_success());
    }

    /// Asks until it holds so many objects.
    pub(crate) async fn holds(&self, count: usize) -> Vec<String> {
        for _ in 0..400 {
            let objects = self.objects().await;
            if objects.len() == count {
                return objects;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{count} objects are wanted, and there are {:?}", self.objects().await);
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The names of the objects that a server holds.
pub(crate) async fn objects_at(server: SocketAddr) -> Vec<String> {
    let url = format!("http://{server}/{BUCKET}?list-type=2");
    let told = signed(Client::new().get(url)).send().await.unwrap().text().await.unwrap();
    let keys = told.split("<Key>").skip(1);
    keys.map(|rest| rest.split("</Key>").next().unwrap().to_owned()).collect()
}

/// The Python that has moto.
fn python() -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let home = std::env::home_dir().unwrap_or_default().join(".cache/aops/tools/bin");
    // The version that is tried comes first.
    let folders = [home].into_iter().chain(std::env::split_paths(&folders));
    let program = folders.map(|folder| folder.join("moto_server")).find(|program| program.exists());
    let program = program.expect("moto_server is installed by cargo xtask test");
    program.canonicalize().unwrap().parent().unwrap().join("python")
}

/// Whose signature is not looked at, but must be there.
fn signed(request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
    let fields = "AWS4-HMAC-SHA256 Credential=t/20261128/r/s3/aws4_request, SignedHeaders=host, Signature=x";
    request.header("authorization", fields).header("content-type", "application/octet-stream")
}

async fn accept(listener: TcpListener, behind: SocketAddr, plan: Plan) {
    while let Ok((stream, _)) = listener.accept().await {
        let plan = Arc::clone(&plan);
        tokio::spawn(async move {
            // A side that goes away in the middle is what these tests are about.
            let _ = pass(stream, behind, &plan).await;
        });
    }
}

/// One call, and the connection with it.
async fn pass(mut client: TcpStream, behind: SocketAddr, plan: &Plan) -> std::io::Result<()> {
    let mut asked = Vec::new();
    let head = loop {
        if client.read_buf(&mut asked).await? == 0 {
            return Ok(());
        }
        if let Some(end) = asked.windows(4).position(|part| part == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let fields = String::from_utf8_lossy(&asked[..head]).into_owned();
    let length = fields.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    while asked.len() < head + length.unwrap_or_default() {
        if client.read_buf(&mut asked).await? == 0 {
            return Ok(());
        }
    }
    let fault = take(plan, fields.split(' ').next().unwrap_or_default());
    let refused = |status: &str, code: &str| {
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    };
    match fault {
        Some(Fault::Busy) => return client.write_all(refused("503 Slow Down", "SlowDown").as_bytes()).await,
        Some(Fault::Forbidden) => {
            return client.write_all(refused("403 Forbidden", "InvalidAccessKeyId").as_bytes()).await;
        }
        Some(Fault::Silent) => {
            // Until the other side has enough of it.
            let _ = client.read(&mut [0]).await;
            return Ok(());
        }
        Some(Fault::Slow(wait)) => tokio::time::sleep(wait).await,
        Some(Fault::Altered) | None => {}
    }
    let mut server = TcpStream::connect(behind).await?;
    let once = fields.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    server.write_all(once.as_bytes()).await?;
    server.write_all(&asked[head..]).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    if fault == Some(Fault::Altered)
        && let Some(last) = answer.last_mut()
    {
        *last ^= 1;
    }
    client.write_all(&answer).await?;
    client.shutdown().await
}

fn take(plan: &Plan, method: &str) -> Option<Fault> {
    let mut plan = plan.lock().unwrap();
    let (fault, of, left) = plan.as_mut()?;
    if *of != method || *left == 0 {
        return None;
    }
    *left -= 1;
    Some(*fault)
}
