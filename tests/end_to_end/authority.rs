//! A real authority for certificates: Debian's `pebble`, with the resolver that it asks, and one that gives advice on
//! renewal before it, which `pebble` 2.4 does not.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Certificate, Client};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Gateway, eventually, free_addresses};

/// The names that it certifies for us.
pub(crate) const NAMES: [&str; 2] = ["aops.test", "www.aops.test"];

/// `pebble` and its resolver; they go with this value.
pub(crate) struct Authority {
    folder: TempDir,
    pebble: Option<Child>,
    resolver: Child,
    acme: SocketAddr,
    management: SocketAddr,
    resolver_management: SocketAddr,
    resolves: SocketAddr,
}

impl Authority {
    /// One that looks for names at this gateway's ports and refuses half of all good nonces.
    pub(crate) async fn start(gateway: &Gateway) -> Self {
        let folder = TempDir::new().unwrap();
        let [acme, management, resolver_management, resolves] = free_addresses();
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        fs::write(folder.path().join("own.pem"), certificate.pem()).unwrap();
        fs::write(folder.path().join("own.key"), key.serialize_pem()).unwrap();
        let config = json!({ "pebble": {
            "listenAddress": acme.to_string(),
            "managementListenAddress": management.to_string(),
            "certificate": folder.path().join("own.pem"),
            "privateKey": folder.path().join("own.key"),
            "httpPort": gateway.http().port(),
            "tlsPort": gateway.https().port(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
        }});
        fs::write(folder.path().join("pebble.json"), config.to_string()).unwrap();
        let resolver = Command::new("pebble-challtestsrv")
            .args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""])
            .args(["-dns01", &resolves.to_string(), "-management", &resolver_management.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pebble is installed by `cargo xtask test`");
        let mut authority =
            Self { folder, pebble: None, resolver, acme, management, resolver_management, resolves };
        authority.come();
        authority.reachable().await;
        authority
    }

    /// Begins to answer, knowing nothing of what was before.
    pub(crate) fn come(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let pebble = Command::new("pebble")
            .arg("-config")
            .arg(self.folder.path().join("pebble.json"))
            .args(["-dnsserver", &self.resolves.to_string()])
            .envs([("PEBBLE_VA_NOSLEEP", "1"), ("PEBBLE_AUTHZREUSE", "0"), ("PEBBLE_WFE_NONCEREJECT", "50")])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.pebble = Some(pebble);
    }

    /// Waits until it answers.
    pub(crate) async fn reachable(&self) {
        for address in [self.acme, self.management, self.resolver_management] {
            eventually("authority", || TcpStream::connect(address).ok()).await;
        }
    }

    /// Is gone.
    pub(crate) fn go(&mut self) {
        if let Some(mut pebble) = self.pebble.take() {
            pebble.kill().unwrap();
            pebble.wait().unwrap();
        }
    }

    /// What it wrote.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Where names lead to from now on.
    pub(crate) async fn names_lead_to(&self, address: &str) {
        let url = format!("http://{}/set-default-ipv4", self.resolver_management);
        let told = Client::new().post(url).body(json!({ "ip": address }).to_string()).send().await.unwrap();
        assert!(told.status().is_success());
    }

    /// The root of what it gives.
    pub(crate) async fn root(&self) -> Certificate {
        let root = self.client().get(self.managed("roots/0")).send().await.unwrap();
        Certificate::from_pem(&root.bytes().await.unwrap()).unwrap()
    }

    /// What it knows of a certificate, by its serial.
    pub(crate) async fn status(&self, serial: &str) -> String {
        let url = self.managed(&format!("cert-status-by-serial/{serial}"));
        let told: Value = self.client().get(url).send().await.unwrap().json().await.unwrap();
        told["Status"].as_str().unwrap().to_owned()
    }

    /// A client that knows its own certificate.
    fn client(&self) -> Client {
        let own = fs::read(self.folder.path().join("own.pem")).unwrap();
        let builder = Client::builder().tls_certs_only([Certificate::from_pem(&own).unwrap()]);
        // HTTP/2 would say another authority than the `host` that the adviser passes on.
        builder.http1_only().build().unwrap()
    }

    fn managed(&self, path: &str) -> String {
        format!("https://localhost:{}/{path}", self.management.port())
    }

    /// The table of `site.toml` that leads to it.
    pub(crate) fn table(&self, challenges: &str) -> String {
        self.table_by(self.acme, challenges)
    }

    fn table_by(&self, address: SocketAddr, challenges: &str) -> String {
        format!(
            "\n[gateway.tls.acme]\ndirectory = \"https://localhost:{}/dir\"\ncontact = \"certificats@aops.test\"\n\
             authority = \"{}\"\nchallenges = {challenges}\nterms_agreed = true\n",
            address.port(),
            self.folder.path().join("own.pem").display(),
        )
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.go();
        self.resolver.kill().unwrap();
        self.resolver.wait().unwrap();
    }
}

/// Stands before an authority and gives advice on renewal (RFC 9773).
pub(crate) struct Adviser {
    address: SocketAddr,
    said: Arc<Mutex<Said>>,
}

#[derive(Default)]
struct Said {
    window: (String, String),
    /// Which certificates it was asked about.
    asked: Vec<String>,
    /// Which certificates orders were to replace.
    replaced: Vec<String>,
}

impl Adviser {
    /// Before this authority, whose own certificate it shows.
    pub(crate) fn start(authority: &Authority) -> Self {
        use rustls_pki_types::{CertificateDer, pem::PemObject};
        let own = |name| fs::read(authority.folder.path().join(name)).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(&own("own.pem")).unwrap()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from_pem_slice(&own("own.key")).unwrap());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let (tls, listener) = (Arc::new(tls), TcpListener::bind("127.0.0.1:0").unwrap());
        let (address, said) = (listener.local_addr().unwrap(), Arc::<Mutex<Said>>::default());
        let (client, behind) = (authority.client(), authority.acme);
        let (saying, runtime) = (Arc::clone(&said), tokio::runtime::Handle::current());
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let Ok(socket) = socket else { return };
                socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                let stream = StreamOwned::new(ServerConnection::new(Arc::clone(&tls)).unwrap(), socket);
                let pass = |request| runtime.block_on(passed(&client, behind, request));
                // A client that breaks off has nothing to be told.
                let _ = answer(stream, &saying, address, pass);
            }
        });
        Self { address, said }
    }

    /// The table of `site.toml` that leads to it.
    pub(crate) fn table(&self, authority: &Authority) -> String {
        authority.table_by(self.address, "[\"http-01\"]")
    }

    /// Advises to renew between these two moments.
    pub(crate) fn advises(&self, from: jiff::Timestamp, until: jiff::Timestamp) {
        self.said.lock().unwrap().window = (from.to_string(), until.to_string());
    }

    /// Which certificates it was asked about.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.said.lock().unwrap().asked.clone()
    }

    /// Which certificates orders were to replace.
    pub(crate) fn replaced(&self) -> Vec<String> {
        self.said.lock().unwrap().replaced.clone()
    }
}

struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn answer(
    mut stream: StreamOwned<ServerConnection, TcpStream>,
    said: &Mutex<Said>,
    address: SocketAddr,
    pass: impl Fn(Request) -> Answer,
) -> std::io::Result<()> {
    let request = read(&mut stream)?;
    let path = request.path.clone();
    let answer = if let Some(id) = path.strip_prefix("/renewal-info/") {
        let mut said = said.lock().unwrap();
        said.asked.push(id.to_owned());
        let window = json!({ "suggestedWindow": { "start": said.window.0, "end": said.window.1 } });
        let headers = vec![("retry-after".to_owned(), "21600".to_owned())];
        Answer { status: 200, headers, body: window.to_string().into_bytes() }
    } else {
        let replaced = replaces(&request.body);
        let mut answer = pass(request);
        if path == "/dir" {
            let url = format!("https://localhost:{}/renewal-info", address.port());
            answer.body = with(&answer.body, "renewalInfo", &url);
        }
        if let Some(replaced) = replaced.filter(|_| answer.status == 201) {
            answer.body = with(&answer.body, "replaces", &replaced);
            said.lock().unwrap().replaced.push(replaced);
        }
        answer
    };
    let mut head = format!(
        "HTTP/1.1 {} Said\r\ncontent-length: {}\r\nconnection: close\r\n",
        answer.status,
        answer.body.len()
    );
    for (name, value) in answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    // HEAD has no body.
    stream.write_all(&answer.body)?;
    stream.conn.send_close_notify();
    stream.flush()
}

fn read(stream: &mut impl Read) -> std::io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(std::io::ErrorKind::InvalidData.into());
    };
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    reader.read_exact(&mut body)?;
    Ok(Request { method, path, headers, body })
}

/// The authority's own answer; it sees the adviser's address as its own, as signatures cover it.
async fn passed(client: &Client, behind: SocketAddr, request: Request) -> Answer {
    let method = request.method.parse().unwrap();
    let url = format!("https://localhost:{}{}", behind.port(), request.path);
    let mut asked = client.request(method, url).body(request.body);
    for (name, value) in request.headers.iter().filter(|(name, _)| name != "content-length") {
        asked = asked.header(name, value);
    }
    let answer = asked.send().await.unwrap();
    let told =
        answer.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let kept = told
        .filter(|(name, _)| !matches!(name.as_str(), "content-length" | "connection" | "transfer-encoding"));
    Answer {
        status: answer.status().as_u16(),
        headers: kept.collect(),
        body: answer.bytes().await.unwrap().into(),
    }
}

/// Which certificate a signed order is to replace.
fn replaces(body: &[u8]) -> Option<String> {
    let signed: Value = serde_json::from_slice(body).ok()?;
    let payload = base64_url(signed["payload"].as_str()?)?;
    let payload: Value = serde_json::from_slice(&payload).ok()?;
    Some(payload["replaces"].as_str()?.to_owned())
}

fn with(body: &[u8], key: &str, value: &str) -> Vec<u8> {
    let mut object: Value = serde_json::from_slice(body).unwrap();
    object[key] = value.into();
    object.to_string().into_bytes()
}

fn base64_url(text: &str) -> Option<Vec<u8>> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (mut bytes, mut gathered, mut bits) = (Vec::new(), 0_u32, 0);
    for byte in text.bytes() {
        gathered = gathered << 6 | u32::try_from(LETTERS.iter().position(|letter| *letter == byte)?).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((gathered >> bits & 0xff) as u8);
        }
    }
    Some(bytes)
}
