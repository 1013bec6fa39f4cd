//! A Valkey or Redis server, or cluster, that gateways share: how it is reached. What is kept there is others' matter.
//!
//! Off this machine TLS is required, with the system's authorities or one of our own. The password comes from the
//! environment alone.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use redis::aio::{MultiplexedConnection, PubSub};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, ConnectionInfo, FromRedisValue,
    IntoConnectionInfo, RedisError, TlsCertificates, Value, from_redis_value, pipe,
};
use serde::Deserialize;

use crate::config::{Settings, TlsFiles, ValkeyConfig};

/// The longest that the server is waited for, unless whoever asks has more patience.
const REACHING: Duration = Duration::from_secs(1);

/// How the server is reached.
#[derive(Clone)]
pub struct Valkey {
    nodes: Vec<ConnectionInfo>,
    certificates: TlsCertificates,
    user: Option<String>,
    password: Option<String>,
    /// The longest that reaching it may take, handshakes and password included.
    reaching: Duration,
    /// The longest that an answer may take.
    patience: Duration,
}

/// The `[store]` table of `site.toml`: the server, or the cluster, that holds every document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// As those of `[valkey]`.
    pub urls: Vec<String>,
    /// How many replicas must have a write before it is acknowledged.
    #[serde(default)]
    pub replicas: u32,
    /// The user of its access list; the password is `AOPS_STORE_PASSWORD`.
    #[serde(default)]
    pub user: Option<String>,
    /// As that of `[valkey]`.
    #[serde(default)]
    pub authority: Option<PathBuf>,
    /// As that of `[valkey]`.
    #[serde(default)]
    pub certificate: Option<TlsFiles>,
}

impl StoreConfig {
    /// How its server is reached.
    pub fn server(&self) -> ValkeyConfig {
        ValkeyConfig {
            urls: self.urls.clone(),
            user: self.user.clone(),
            authority: self.authority.clone(),
            certificate: self.certificate.clone(),
        }
    }
}

/// Why it cannot be, whatever the server says.
#[derive(Debug, thiserror::Error)]
pub enum ValkeyError {
    /// No address is given.
    #[error("urls is empty; name a server, such as \"rediss://valkey.internal:6379\"")]
    None,
    /// An address cannot be understood.
    #[error("urls: `{0}` is no address; write rediss://host:port")]
    Url(String),
    /// Secrets would travel in clear.
    #[error("urls: `{0}` is another machine; write rediss:// (TLS)")]
    Clear(String),
    /// A password stands where everybody reads it.
    #[error(
        "urls hold a password; put it in AOPS_VALKEY_PASSWORD ([valkey]) or AOPS_STORE_PASSWORD ([store]), or a file \
         that such a name with _FILE behind it names"
    )]
    Password,
    /// A file of certificates cannot be read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Valkey {
    /// As configured.
    ///
    /// # Errors
    /// [`ValkeyError`]: what to change.
    pub fn new(config: &ValkeyConfig, password: Option<&str>) -> Result<Self, ValkeyError> {
        if config.urls.is_empty() {
            return Err(ValkeyError::None);
        }
        let read = |path: &PathBuf| {
            fs::read(path).map_err(|source| ValkeyError::File { path: path.clone(), source })
        };
        let client_tls = config.certificate.as_ref().map(|files| {
            Ok(ClientTlsConfig { client_cert: read(&files.certificate)?, client_key: read(&files.key)? })
        });
        Ok(Self {
            nodes: config.urls.iter().map(|url| node(url)).collect::<Result<_, _>>()?,
            certificates: TlsCertificates {
                client_tls: client_tls.transpose()?,
                root_cert: config.authority.as_ref().map(read).transpose()?,
            },
            user: config.user.clone(),
            password: password.map(str::to_owned),
            reaching: REACHING,
            patience: REACHING,
        })
    }

    /// The server that holds the documents of a configuration, if one does.
    ///
    /// # Errors
    /// [`ValkeyError`]: what to change in `[store]`.
    pub fn of_store(settings: &Settings) -> Result<Option<Self>, ValkeyError> {
        let password = settings.secrets.store_password.as_deref();
        settings.store.as_ref().map(|store| Self::new(&store.server(), password)).transpose()
    }

    /// The same, whose connections wait so long for an answer.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, reaching: (patience / 2).max(REACHING), ..self }
    }

    /// Whether everything goes over TLS.
    pub fn is_encrypted(&self) -> bool {
        self.nodes.iter().all(|node| matches!(node.addr(), ConnectionAddr::TcpTls { .. }))
    }

    /// A new connection, signed in.
    ///
    /// # Errors
    /// What keeps it from being made in time.
    pub async fn connect(&self) -> Result<Connection, RedisError> {
        tokio::time::timeout(self.reaching, self.reach()).await.map_err(late)?
    }

    /// Hears what is published on a channel, by whichever node is there.
    ///
    /// # Errors
    /// What keeps it from being heard in time.
    pub async fn listen(&self, channel: &str) -> Result<PubSub, RedisError> {
        let mut last = RedisError::from((redis::ErrorKind::Io, "no server is named"));
        for node in &self.nodes {
            let heard = async {
                let mut heard = self.client(node)?.get_async_pubsub().await?;
                heard.subscribe(channel).await?;
                Ok(heard)
            };
            match tokio::time::timeout(self.reaching, heard).await {
                Ok(Ok(heard)) => return Ok(heard),
                Ok(Err(error)) => last = error,
                Err(_) => last = late(()),
            }
        }
        Err(last)
    }

    async fn reach(&self) -> Result<Connection, RedisError> {
        if let [node] = &self.nodes[..] {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(self.reaching))
                .set_response_timeout(Some(self.patience));
            let client = self.client(node)?;
            return Ok(Connection::One(client.get_multiplexed_async_connection_with_config(&config).await?));
        }
        let mut cluster = ClusterClientBuilder::new(self.nodes.clone())
            // All nodes are reached at once: one that takes the call and says nothing leaves time for the others.
            .connection_timeout(self.reaching / 2)
            .response_timeout(self.patience)
            .retries(1);
        if self.is_encrypted() {
            // Who is given certificates speaks TLS, whatever the addresses say.
            cluster = cluster.certs(self.certificates.clone());
        }
        if let Some(user) = &self.user {
            cluster = cluster.username(user);
        }
        if let Some(password) = &self.password {
            cluster = cluster.password(password);
        }
        Ok(Connection::Many(cluster.build()?.get_async_connection().await?))
    }

    /// One node, and how we sign in.
    fn client(&self, node: &ConnectionInfo) -> Result<Client, RedisError> {
        let mut settings = node.redis_settings().clone();
        if let Some(user) = &self.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password);
        }
        let node = node.clone().set_redis_settings(settings);
        match node.addr() {
            ConnectionAddr::TcpTls { .. } => Client::build_with_tls(node, self.certificates.clone()),
            _ => Client::open(node),
        }
    }
}

fn late<T>(_: T) -> RedisError {
    RedisError::from((redis::ErrorKind::Io, "the server did not answer in time"))
}

/// A connection; copies of it share the sockets.
#[derive(Clone)]
pub enum Connection {
    /// To one server.
    One(MultiplexedConnection),
    /// To the nodes of a cluster.
    Many(ClusterConnection),
}

impl Connection {
    /// Asks one command.
    ///
    /// # Errors
    /// What the server or the way to it says.
    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        match self.clone() {
            Self::One(mut connection) => command.query_async(&mut connection).await,
            Self::Many(mut connection) => command.query_async(&mut connection).await,
        }
    }

    /// Asks two commands of one node, by one socket: the first says by its keys of which.
    ///
    /// # Errors
    /// As [`Self::ask`], of either.
    pub async fn ask_in_turn<A: FromRedisValue, B: FromRedisValue>(
        &self,
        first: Cmd,
        second: Cmd,
    ) -> Result<(A, B), RedisError> {
        let mut both = pipe();
        both.add_command(first).add_command(second);
        match self.clone() {
            Self::One(mut connection) => both.query_async(&mut connection).await,
            Self::Many(mut connection) => both.query_async(&mut connection).await,
        }
    }

    /// Asks one command of every node that takes writes.
    ///
    /// # Errors
    /// As [`Self::ask`], of any.
    pub async fn ask_primaries<T: FromRedisValue>(&self, command: Cmd) -> Result<Vec<T>, RedisError> {
        let Self::Many(mut cluster) = self.clone() else {
            return Ok(vec![self.ask(&command).await?]);
        };
        let everywhere = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
        match cluster.route_command(command, everywhere).await? {
            Value::Map(told) => told.into_iter().map(|(_, value)| Ok(from_redis_value(value)?)).collect(),
            other => Ok(vec![from_redis_value(other)?]),
        }
    }
}

fn node(url: &str) -> Result<ConnectionInfo, ValkeyError> {
    let info = url.into_connection_info().map_err(|_| ValkeyError::Url(url.to_owned()))?;
    if info.redis_settings().password().is_some() {
        return Err(ValkeyError::Password);
    }
    if let ConnectionAddr::Tcp(host, _) = info.addr() {
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        if host != "localhost" && !address.is_ok_and(|address| address.is_loopback()) {
            return Err(ValkeyError::Clear(url.to_owned()));
        }
    }
    Ok(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(url: &str) -> Result<Valkey, ValkeyError> {
        let config = ValkeyConfig { urls: vec![url.into()], user: None, authority: None, certificate: None };
        Valkey::new(&config, None)
    }

    #[test]
    fn another_machine_is_reached_by_tls_alone_and_no_password_stands_in_an_address() {
        for url in [
            "rediss://valkey.internal:6379",
            "redis://127.0.0.1:6379",
            "redis://localhost",
            "redis://[::1]:6379",
            "redis+unix:///run/valkey.sock",
        ] {
            assert!(new(url).is_ok(), "{url}");
        }
        for url in ["redis://valkey.internal:6379", "redis://10.0.0.1", "redis://localhost.example"] {
            assert!(matches!(new(url), Err(ValkeyError::Clear(_))), "{url}");
        }
        assert!(matches!(new("rediss://:secret@valkey.internal"), Err(ValkeyError::Password)));
        assert!(matches!(new("http://localhost"), Err(ValkeyError::Url(_))));
        let none = ValkeyConfig { urls: Vec::new(), user: None, authority: None, certificate: None };
        assert!(matches!(Valkey::new(&none, None), Err(ValkeyError::None)));
        let missing = ValkeyConfig {
            urls: vec!["rediss://a".into()],
            authority: Some("/nowhere/ca.pem".into()),
            ..none
        };
        assert!(Valkey::new(&missing, None).err().unwrap().to_string().contains("/nowhere/ca.pem"));
    }
}
