//! p-nosql-secured: the settings and the access list of `deploy/valkey`, over TLS with client certificates. Our user does
//! what the store needs, and no more.

use std::fs;
use std::net::Ipv4Addr;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::server::{Server, ask, folder, own_address, word};
use super::*;
use crate::config::{TlsFiles, ValkeyConfig};
use crate::sealing::hex;
use crate::store::Expect;

const PASSWORD: &str = "a-password-of-tests";

/// Certificates of one authority, and the access list with a password that the test knows.
struct Secrets(TempDir, (Ipv4Addr, u16));

impl Secrets {
    fn new() -> Self {
        let (folder, address) = (tempfile::tempdir().unwrap(), own_address());
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "An authority of tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        let authority = Issuer::new(params, key);
        for name in ["server", "client"] {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new([address.0.to_string()]).unwrap();
            let certificate = params.signed_by(&key, &authority).unwrap();
            fs::write(folder.path().join(format!("{name}.pem")), certificate.pem()).unwrap();
            fs::write(folder.path().join(format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        let list =
            fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/valkey/users.acl")).unwrap();
        let known = list.replace(&"0".repeat(64), &hex(&Sha256::digest(PASSWORD)));
        assert_ne!(known, list);
        fs::write(folder.path().join("users.acl"), known).unwrap();
        Self(folder, address)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    async fn server(&self) -> Server {
        let files = ["server.pem", "server.key", "ca.pem", "users.acl"].map(|name| self.path(name));
        let [certificate, key, authority, users] = files.each_ref().map(|path| word(path));
        let conf = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/valkey/valkey.conf");
        let words = [conf, "--tls-port", "PORT", "--tls-cert-file", certificate, "--tls-key-file", key];
        let more = ["--tls-ca-cert-file", authority, "--aclfile", users];
        Server::on(self.1, words.into_iter().chain(more).map(String::from).collect()).await
    }

    fn config(&self, server: &Server) -> ValkeyConfig {
        ValkeyConfig {
            urls: vec![format!("rediss://{}:{}", server.host, server.port)],
            user: Some("aops".into()),
            authority: Some(self.path("ca.pem")),
            certificate: Some(TlsFiles {
                certificate: self.path("client.pem"),
                key: self.path("client.key"),
            }),
        }
    }
}

/// Proves p-nosql-secured.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_a_user_limited_to_our_prefix_and_commands_has_every_promise() {
    let (secrets, here) = (Secrets::new(), folder());
    let server = secrets.server().await;
    let valkey = Valkey::new(&secrets.config(&server), Some(PASSWORD)).unwrap();
    let store = Arc::new(store(&valkey, here.path()).await);
    conformance::linearizable(Arc::clone(&store) as Arc<dyn Store>).await;
    conformance::reservations(Arc::clone(&store) as Arc<dyn Store>).await;
    let mut watch = store.watch("others").await.unwrap();
    let past = jiff::Timestamp::UNIX_EPOCH;
    let batch = Batch::new("q").put("others", "a", Expect::Absent, b"x".to_vec(), Some(past));
    store.commit(batch).await.unwrap();
    assert_eq!(watch.next().await, Some(crate::store::Seen::Written(Address::new("others", "q", "a"), 1)));
    assert_eq!(store.sweep(9).await.unwrap(), 1);
    assert_eq!(store.count("others", None).await.unwrap(), 0);
    assert_eq!(conformance::copied(&*store).await.len(), 2, "a document and a name are left");
    store.ready().await.unwrap();
    assert_eq!(ValkeyStore::faults(&valkey, 0, here.path()).await.unwrap(), Vec::<String>::new());
}

/// Proves p-nosql-secured.
#[tokio::test]
async fn our_user_can_do_nothing_else_and_nobody_comes_without_certificate_or_password() {
    let (secrets, other) = (Secrets::new(), Secrets::new());
    let server = secrets.server().await;
    let config = secrets.config(&server);
    let of = |config: &ValkeyConfig, password: Option<&str>| {
        Valkey::new(config, password).unwrap().with_patience(Duration::from_secs(20))
    };
    let connection = of(&config, Some(PASSWORD)).connect().await.unwrap();
    for words in [
        &["GET", "another"][..],
        &["SET", "aopsx", "1"],
        &["EVAL", "return redis.call('GET', 'another')", "0"],
        &["EVAL", "return redis.call('FLUSHALL')", "0"],
        &["SUBSCRIBE", "another"],
        &["PUBLISH", "another", "x"],
        &["FLUSHALL"],
        &["KEYS", "*"],
        &["DEL", "aops:store:{index}:identity"],
        &["CONFIG", "SET", "appendonly", "no"],
        &["SHUTDOWN"],
        &["ACL", "LIST"],
        &["REPLICAOF", "NO", "ONE"],
        &["MODULE", "LIST"],
    ] {
        let mut command = redis::cmd(words[0]);
        words[1..].iter().for_each(|word| {
            command.arg(*word);
        });
        let refused = connection.ask::<redis::Value>(&command).await.err();
        let told = refused.unwrap_or_else(|| panic!("{words:?} is allowed")).to_string();
        assert!(["permission", "can't"].iter().any(|word| told.contains(word)), "{words:?}: {told}");
    }
    assert_eq!(ask(&connection, &["EXISTS", "aops:store:{index}:identity"]).await, "0");
    let refused = async |config: ValkeyConfig, password: Option<&str>| {
        let asked = async { of(&config, password).connect().await?.ask::<String>(&redis::cmd("PING")).await };
        let told = asked.await.err().map(|error| error.to_string());
        assert!(told.as_ref().is_some_and(|told| !told.contains("time")), "{config:?}: {told:?}");
    };
    refused(ValkeyConfig { certificate: None, ..config.clone() }, Some(PASSWORD)).await;
    refused(
        ValkeyConfig { certificate: other.config(&server).certificate, ..config.clone() },
        Some(PASSWORD),
    )
    .await;
    refused(ValkeyConfig { authority: Some(other.path("ca.pem")), ..config.clone() }, Some(PASSWORD)).await;
    refused(ValkeyConfig { user: None, ..config.clone() }, None).await;
    refused(ValkeyConfig { urls: vec![server.url()], ..config.clone() }, Some(PASSWORD)).await;
    refused(config, Some("another-password")).await;
}

#[tokio::test]
async fn each_thing_wrong_with_a_server_is_told() {
    let words = ["--appendonly", "no", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"];
    let server = Server::with(words.map(String::from).into()).await;
    let faults = ValkeyStore::faults(&server.valkey(), 2, folder().path()).await.unwrap();
    for told in
        ["appendonly yes", "maxmemory-policy noeviction", "[store] replicas", "every key", "every command"]
    {
        assert!(faults.iter().any(|fault| fault.contains(told)), "{told}: {faults:?}");
    }
    assert_eq!(faults.len(), 5, "{faults:?}");
    let late = Server::with(vec!["--appendonly".into(), "yes".into()]).await;
    let faults = ValkeyStore::faults(&late.valkey(), 0, folder().path()).await.unwrap();
    assert!(faults.iter().any(|fault| fault.contains("appendfsync always")), "{faults:?}");
    let (other, known) = (Server::start(&[]).await, folder());
    fs::write(known.path().join("store.identity"), "another").unwrap();
    let faults = ValkeyStore::faults(&other.valkey(), 0, known.path()).await.unwrap();
    assert!(faults.iter().any(|fault| fault.contains("has lost documents")), "{faults:?}");
}
