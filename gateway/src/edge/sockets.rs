//! The listening sockets: bound here, held by systemd, or handed over by the gateway that ran before.

use std::env;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

use crate::config::GatewayConfig;

/// Connections that the system holds until we accept them.
const BACKLOG: i32 = 4_096;
/// Workers at most; so many sockets go over in one message of a hand-over (SCM_MAX_FD is 253).
const MOST_WORKERS: usize = 128;

/// Every listening socket, by what it serves.
#[derive(Debug)]
pub struct Sockets {
    /// TLS: one for each worker.
    pub https: Vec<TcpListener>,
    /// The plain listener's.
    pub http: Vec<TcpListener>,
    /// Health and metrics.
    pub operations: Vec<TcpListener>,
    /// HTTP/3, where systemd holds it: elsewhere it is bound once the gateway starts, and not handed over.
    pub http3: Option<UdpSocket>,
}

/// Why there is nothing to listen on.
#[derive(Debug, thiserror::Error)]
pub enum SocketsError {
    /// An address is taken or not ours.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A socket of a name that nothing here listens for.
    #[error(
        "a socket named `{0}` was given; ours are `https`, `http`, `operations` and `http3` \
         (FileDescriptorName= in the socket unit)"
    )]
    Name(String),
    /// Something else than a TCP socket that listens, or a UDP socket for HTTP/3.
    #[error(
        "the socket given as `{name}` cannot be accepted from: {why}; ListenStream= with a port is wanted, \
         ListenDatagram= for `http3`"
    )]
    Kind {
        /// As whom it was given.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A socket cannot be shared by the workers.
    #[error("a listening socket cannot be shared by the workers: {0}")]
    Share(io::Error),
}

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error(
    "[gateway] {name} = \"{address}\": {source}; stop what listens there, or choose another address \
     in site.toml or in AOPS_{variable}", variable = .name.to_uppercase()
)]
pub struct BindError {
    name: &'static str,
    address: SocketAddr,
    source: io::Error,
}

impl BindError {
    /// What the system says of an address that bears this name in the configuration.
    #[cfg(feature = "http3")]
    pub(super) fn new(name: &'static str, address: SocketAddr, source: io::Error) -> Self {
        Self { name, address, source }
    }
}

impl Sockets {
    /// Those that systemd holds for us, and the others bound as configured.
    ///
    /// # Errors
    /// [`SocketsError`], with what to change.
    pub fn open(gateway: &GatewayConfig) -> Result<Self, SocketsError> {
        let (given, http3) = activated()?;
        Ok(Self { http3, ..Self::complete(given, gateway)? })
    }

    /// Given sockets by name, and the others bound as configured.
    ///
    /// # Errors
    /// As [`Sockets::open`].
    pub fn complete(
        given: Vec<(String, TcpListener)>,
        gateway: &GatewayConfig,
    ) -> Result<Self, SocketsError> {
        let mut sockets = Self { https: Vec::new(), http: Vec::new(), operations: Vec::new(), http3: None };
        for (name, socket) in given {
            let kind = |why: String| SocketsError::Kind { name: name.clone(), why };
            match socket_acceptconn(&socket) {
                Ok(true) => {}
                Ok(false) => return Err(kind("it does not listen".into())),
                Err(error) => return Err(kind(error.to_string())),
            }
            socket.set_nonblocking(true).map_err(|error| kind(error.to_string()))?;
            match name.as_str() {
                "https" => sockets.https.push(socket),
                "http" => sockets.http.push(socket),
                "operations" => sockets.operations.push(socket),
                _ => return Err(SocketsError::Name(name)),
            }
        }
        if sockets.https.is_empty() {
            sockets.https = bind_workers("https", gateway.https)?;
        }
        if sockets.http.is_empty() {
            sockets.http = vec![bind("http", gateway.http)?];
        }
        if sockets.operations.is_empty() {
            sockets.operations = vec![bind("operations", gateway.operations)?];
        }
        let given = sockets.https.len();
        for index in given..workers() {
            // Several workers accept from one socket: each connection wakes more than one, and one gets it.
            let shared = sockets.https[index % given].try_clone().map_err(SocketsError::Share)?;
            sockets.https.push(shared);
        }
        Ok(sockets)
    }

    /// The same sockets once more: what is accepted by one is not accepted by the other.
    ///
    /// # Errors
    /// [`SocketsError::Share`] when no descriptor is left.
    pub fn again(&self) -> Result<Self, SocketsError> {
        let again = |sockets: &[TcpListener]| {
            sockets.iter().map(TcpListener::try_clone).collect::<io::Result<_>>().map_err(SocketsError::Share)
        };
        Ok(Self {
            https: again(&self.https)?,
            http: again(&self.http)?,
            operations: again(&self.operations)?,
            http3: self.http3.as_ref().map(UdpSocket::try_clone).transpose().map_err(SocketsError::Share)?,
        })
    }

    /// Each with its name.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &TcpListener)> {
        let https = self.https.iter().map(|socket| ("https", socket));
        let http = self.http.iter().map(|socket| ("http", socket));
        https.chain(http).chain(self.operations.iter().map(|socket| ("operations", socket)))
    }

    /// The addresses that the sockets have are those of the configuration from now on.
    pub fn rule(&self, gateway: &mut GatewayConfig) {
        for (name, sockets, configured) in [
            ("https", &self.https, &mut gateway.https),
            ("http", &self.http, &mut gateway.http),
            ("operations", &self.operations, &mut gateway.operations),
        ] {
            let Some(address) = sockets.first().and_then(|socket| socket.local_addr().ok()) else { continue };
            if configured.port() != 0 && address.port() != configured.port() {
                tracing::warn!(%address, %configured, "the socket given as `{name}` has another port than site.toml");
            }
            *configured = address;
        }
        let given = self.http3.as_ref().and_then(|socket| socket.local_addr().ok());
        match (given, &mut gateway.http3) {
            (Some(given), Some(configured)) => *configured = given,
            (Some(given), None) => {
                tracing::warn!(address = %given, "a socket was given as `http3`, and [gateway] http3 names none");
            }
            (None, _) => {}
        }
    }
}

/// What systemd gives by name, and for HTTP/3.
type Activated = (Vec<(String, TcpListener)>, Option<UdpSocket>);

/// What systemd holds for this process (sd_listen_fds(3)).
fn activated() -> Result<Activated, SocketsError> {
    // Read first: listenfd takes the variables away.
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':').map(str::to_owned);
    let mut given = ListenFd::from_env();
    let (mut listeners, mut http3) = (Vec::new(), None);
    for index in 0..given.len() {
        let name = names.next().unwrap_or_default();
        let taken = match name.as_str() {
            "http3" => given.take_udp_socket(index).map(|socket| socket.map(|socket| http3 = Some(socket))),
            _ => given
                .take_tcp_listener(index)
                .map(|socket| socket.map(|socket| listeners.push((name.clone(), socket)))),
        };
        match taken {
            Ok(Some(())) => {}
            Ok(None) => return Err(SocketsError::Kind { name, why: "it is not there".into() }),
            Err(error) => return Err(SocketsError::Kind { name, why: error.to_string() }),
        }
    }
    Ok((listeners, http3))
}

/// Whether an address could be listened on now.
///
/// # Errors
/// A sentence that names the address, the key to change, and what the system says.
pub fn free(name: &'static str, address: SocketAddr) -> Result<(), BindError> {
    bind(name, address).map(drop)
}

fn bind(name: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
    socket(address, false).map_err(|source| BindError { name, address, source })
}

/// Binds an address as often as there are workers; SO_REUSEPORT alone would not tell that another process holds it.
fn bind_workers(name: &'static str, address: SocketAddr) -> Result<Vec<TcpListener>, BindError> {
    let failed = |source| BindError { name, address, source };
    let found = socket(address, false).and_then(|alone| alone.local_addr()).map_err(failed)?;
    (0..workers()).map(|_| socket(found, true)).collect::<io::Result<_>>().map_err(failed)
}

fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(MOST_WORKERS)
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway() -> GatewayConfig {
        let free = "127.0.0.1:0";
        let config = serde_json::json!({ "hosts": [], "https": free, "http": free, "operations": free });
        serde_json::from_value(config).unwrap()
    }

    fn listening() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").unwrap()
    }

    #[test]
    fn one_given_socket_serves_every_worker_and_what_is_missing_is_bound() {
        let given = listening();
        let address = given.local_addr().unwrap();
        let sockets = Sockets::complete(vec![("https".into(), given)], &gateway()).unwrap();
        assert_eq!(sockets.https.len(), workers());
        assert!(sockets.https.iter().all(|socket| socket.local_addr().unwrap() == address));
        let mut config = gateway();
        sockets.rule(&mut config);
        assert_eq!(config.https, address);
        assert_ne!(config.http.port(), 0);
        assert_eq!(sockets.again().unwrap().named().count(), workers() + 2);
    }

    #[test]
    fn several_given_sockets_are_one_for_each_worker_and_none_is_left_out() {
        let given: Vec<_> = (0..workers() + 1).map(|_| ("https".to_owned(), listening())).collect();
        let sockets = Sockets::complete(given, &gateway()).unwrap();
        assert_eq!(sockets.https.len(), workers() + 1);
    }

    #[test]
    fn a_socket_of_another_name_or_kind_is_refused_with_a_sentence() {
        let unknown = Sockets::complete(vec![("htps".into(), listening())], &gateway()).unwrap_err();
        assert!(unknown.to_string().starts_with("a socket named `htps` was given"), "{unknown}");
        let connected = std::net::TcpStream::connect(listening().local_addr().unwrap()).unwrap();
        let wrong = TcpListener::from(std::os::fd::OwnedFd::from(connected));
        let wrong = Sockets::complete(vec![("http".into(), wrong)], &gateway()).unwrap_err();
        assert!(wrong.to_string().contains("`http` cannot be accepted from: it does not listen"), "{wrong}");
    }
}
