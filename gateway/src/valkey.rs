//! The Valkey or Redis server, or cluster, that gateways share: how it is reached. What is kept there is others' matter.
//!
//! Off this machine TLS is required, with the system's authorities or one of our own. The password comes from the
//! environment alone.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, ConnectionInfo, FromRedisValue,
    IntoConnectionInfo, RedisError, TlsCertificates,
};

use crate::config::ValkeyConfig;

/// The longest that reaching the server may take, handshakes and password included.
const REACHING: Duration = Duration::from_secs(1);

/// How the server is reached.
pub struct Valkey {
    nodes: Vec<ConnectionInfo>,
    certificates: TlsCertificates,
    user: Option<String>,
    password: Option<String>,
}

/// Why it cannot be, whatever the server says.
#[derive(Debug, thiserror::Error)]
pub enum ValkeyError {
    /// No address is given.
    #[error("[valkey] urls is empty; name a server, such as \"rediss://valkey.internal:6379\"")]
    None,
    /// An address cannot be understood.
    #[error("[valkey] urls: `{0}` is no address; write rediss://host:port")]
    Url(String),
    /// Secrets would travel in clear.
    #[error("[valkey] urls: `{0}` is another machine; write rediss:// (TLS)")]
    Clear(String),
    /// A password stands where everybody reads it.
    #[error(
        "[valkey] urls hold a password; put it in AOPS_VALKEY_PASSWORD, or a file that AOPS_VALKEY_PASSWORD_FILE names"
    )]
    Password,
    /// A file of certificates cannot be read.
    #[error("[valkey] {path}: {source}")]
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
        })
    }

    /// A new connection, signed in.
    ///
    /// # Errors
    /// What keeps it from being made within a second.
    pub async fn connect(&self) -> Result<Connection, RedisError> {
        let late = |_| RedisError::from((redis::ErrorKind::Io, "the server did not answer within a second"));
        tokio::time::timeout(REACHING, self.reach()).await.map_err(late)?
    }

    async fn reach(&self) -> Result<Connection, RedisError> {
        if let [node] = &self.nodes[..] {
            let mut settings = node.redis_settings().clone();
            if let Some(user) = &self.user {
                settings = settings.set_username(user);
            }
            if let Some(password) = &self.password {
                settings = settings.set_password(password);
            }
            let node = node.clone().set_redis_settings(settings);
            let client = match node.addr() {
                ConnectionAddr::TcpTls { .. } => Client::build_with_tls(node, self.certificates.clone())?,
                _ => Client::open(node)?,
            };
            let config = AsyncConnectionConfig::new().set_connection_timeout(Some(REACHING));
            return Ok(Connection::One(client.get_multiplexed_async_connection_with_config(&config).await?));
        }
        let mut cluster = ClusterClientBuilder::new(self.nodes.clone())
            .certs(self.certificates.clone())
            .connection_timeout(REACHING)
            .retries(1);
        if let Some(user) = &self.user {
            cluster = cluster.username(user);
        }
        if let Some(password) = &self.password {
            cluster = cluster.password(password);
        }
        Ok(Connection::Many(cluster.build()?.get_async_connection().await?))
    }
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
