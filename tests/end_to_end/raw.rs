//! TLS with bytes of our own choosing on it: what no library would send.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};

use crate::support::Gateway;

/// A connection whose bytes are ours.
pub(crate) struct Raw(StreamOwned<ClientConnection, TcpStream>);

impl Raw {
    /// Speaks HTTP/1.1.
    pub(crate) fn h1(gateway: &Gateway) -> Self {
        Self::over(gateway, TcpStream::connect(gateway.https()).unwrap(), b"http/1.1")
    }

    /// Speaks HTTP/2, preface and empty SETTINGS sent.
    pub(crate) fn h2(gateway: &Gateway) -> Self {
        let mut raw = Self::over(gateway, TcpStream::connect(gateway.https()).unwrap(), b"h2");
        raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        raw.send(&frame(4, 0, 0, &[])).unwrap();
        raw
    }

    /// TLS over a connection that stands.
    pub(crate) fn over(gateway: &Gateway, socket: TcpStream, protocol: &[u8]) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(gateway.data().join("tls/ca.pem")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        // Nothing asks for nothing.
        config.alpn_protocols = vec![protocol.to_vec()];
        config.alpn_protocols.retain(|protocol| !protocol.is_empty());
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket.set_nodelay(true).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        Self(StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), socket))
    }

    /// Sends bytes; an error when the gateway has ended the connection.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)?;
        self.0.flush()
    }

    /// Renews the keys of this side (RFC 8446 § 4.6.3).
    pub(crate) fn renew_keys(&mut self) -> io::Result<()> {
        self.0.conn.refresh_traffic_keys().map_err(io::Error::other)?;
        self.0.flush()
    }

    /// How long reading may wait.
    pub(crate) fn patience(&mut self, patience: Duration) {
        self.0.sock.set_read_timeout(Some(patience)).unwrap();
    }

    /// Everything until the gateway ends the connection; what came before a time-out with the time-out.
    pub(crate) fn rest(&mut self) -> (Vec<u8>, io::Result<()>) {
        let mut all = Vec::new();
        let mut part = [0; 4096];
        loop {
            match self.0.read(&mut part) {
                Ok(0) => return (all, Ok(())),
                Ok(length) => all.extend_from_slice(&part[..length]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return (all, Err(error));
                }
                // A reset, or an end without TLS's farewell, is an end.
                Err(_) => return (all, Ok(())),
            }
        }
    }

    /// One answer of HTTP/1.1: its head, and its body by its length.
    pub(crate) fn answer(&mut self) -> io::Result<(String, Vec<u8>)> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.0.read_exact(&mut body)?;
        Ok((head, body))
    }

    /// The next frame of HTTP/2: kind, flags, stream, payload.
    pub(crate) fn frame(&mut self) -> io::Result<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head)?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.0.read_exact(&mut payload)?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Ok((head[3], head[4], stream, payload))
    }
}

/// The status of an answer's head.
pub(crate) fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

/// A connection from an address of the loop.
pub(crate) fn connect_from(local: [u8; 4], to: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((local, 0)).into())?;
    socket.connect(&to.into())?;
    Ok(socket.into())
}

/// A frame of HTTP/2 (RFC 9113 § 4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Fields as literals without indexing (RFC 7541 § 6.2.2).
pub(crate) fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        for text in [name, value] {
            assert!(text.len() < 127, "a length of one byte");
            bytes.push(text.len() as u8);
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    bytes
}
