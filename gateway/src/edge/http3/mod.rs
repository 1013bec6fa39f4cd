//! HTTP/3 (RFC 9114) beside the TLS listener, behind the feature `http3`: the same phases in the same order, over QUIC.
//!
//! [`listen`] and [`serve`] are the first three phases (accept, address filter, TLS within QUIC); [`connection`] calls
//! [`crate::edge::request`] for the others. [`fields`] and [`body`] are what the protocol phase needs here.

mod body;
mod connection;
mod fields;

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use metrics::{counter, histogram};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::crypto::{CryptoError, HmacKey};
use quinn::{Endpoint, EndpointConfig, Incoming, ServerConfig, TokioRuntime, TransportConfig, VarInt};
use subtle::ConstantTimeEq;
use tokio::sync::watch;

use crate::config::Refusal;
use crate::edge::accept::{place, told_to_stop};
use crate::edge::bounds::Place;
use crate::edge::connection::Connections;
use crate::edge::jails::Offence;
use crate::edge::open_connections::Activity;
use crate::edge::sockets::BindError;
use crate::edge::tls::TlsError;
use crate::edge::tls::acme::Acme;
use crate::sealing::{Sealer, authenticated};

/// The longest that a handshake may take.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may say nothing at all.
const IDLE: Duration = Duration::from_secs(30);
/// How long the last words may take to leave when we stop.
const FAREWELL: Duration = Duration::from_secs(2);
/// From this part of the bound on handshakes on, an address must show that it is its own (RFC 9000 § 8.1.2).
const RETRY_PART: usize = 8;

/// Listens for QUIC with the certificates of the TLS listener, on a socket that systemd holds or on the address.
///
/// # Errors
/// The address is taken, or TLS cannot be offered.
pub fn listen(
    given: Option<UdpSocket>,
    address: SocketAddr,
    tls: &rustls::ServerConfig,
    key: ResetKey,
) -> Result<Endpoint, ListenError> {
    let mut tls = tls.clone();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    // No request before the handshake is done: an early one could be sent again by anybody (RFC 8470).
    tls.max_early_data_size = 0;
    let crypto = QuicServerConfig::try_from(tls).map_err(|_| TlsError::Rustls(no_quic()))?;
    let mut server = ServerConfig::with_crypto(Arc::new(crypto));
    server
        .transport_config(Arc::new(transport()))
        // A connection stays with the address that was filtered and counted.
        .migration(false)
        .max_incoming(1_024)
        .incoming_buffer_size(16 * 1024)
        .incoming_buffer_size_total(4 * 1024 * 1024);
    let failed = |source| BindError::new("http3", address, source);
    let socket = given.map_or_else(|| UdpSocket::bind(address), Ok).map_err(failed)?;
    let config = EndpointConfig::new(Arc::new(key));
    Ok(Endpoint::new(config, Some(server), socket, Arc::new(TokioRuntime)).map_err(failed)?)
}

/// Why HTTP/3 is not listened for.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// TLS cannot be offered.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address cannot be taken.
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// Accepts until told to stop, then lets open requests end.
pub async fn serve(endpoint: Endpoint, connections: Connections, stop: watch::Receiver<bool>) {
    let connections = connections.for_worker();
    tokio::select! {
        () = accept(&endpoint, &connections, stop) => {}
        () = connections.overload.measure() => {}
    }
    connection::drained(&endpoint, connections.service.app.live.load().drain).await;
    endpoint.close(h3::error::Code::H3_NO_ERROR.value().try_into().unwrap_or_default(), b"");
    let _ = tokio::time::timeout(FAREWELL, endpoint.wait_idle()).await;
}

async fn accept(endpoint: &Endpoint, connections: &Connections, stop: watch::Receiver<bool>) {
    let shaking = Arc::new(AtomicUsize::new(0));
    let mut stopping = stop.clone();
    loop {
        let incoming = tokio::select! {
            incoming = endpoint.accept() => incoming,
            () = told_to_stop(&mut stopping) => None,
        };
        let Some(incoming) = incoming else {
            // Whoever comes now is told no; who is here may end.
            return endpoint.set_server_config(None);
        };
        if let Some((incoming, place)) = admitted(connections, &shaking, incoming) {
            let (connections, stop) = (connections.clone(), stop.clone());
            enter(connections, Shaking::new(&shaking), incoming, place, stop);
        }
    }
}

/// The address filter and the bounds. Nobody is refused or evicted in the name of an address that may be forged.
fn admitted(
    connections: &Connections,
    shaking: &AtomicUsize,
    incoming: Incoming,
) -> Option<(Incoming, Place)> {
    let client = incoming.remote_address().ip().to_canonical();
    let app = &connections.service.app;
    // A balancer's header has no place in QUIC: nothing would tell for whom it speaks.
    if app.blocklist.refuses(client, app.clock.now()) || app.live.load().balancers.hold(client) {
        counter!("connections_refused_total", "why" => "blocklist").increment(1);
        match app.live.load().refusal {
            Refusal::Reset => incoming.refuse(),
            Refusal::Silent => incoming.ignore(),
        }
        return None;
    }
    let forgeable = !incoming.remote_address_validated();
    let busy = shaking.load(Ordering::Relaxed) >= app.settings.gateway.connections.handshakes / RETRY_PART;
    let placed = match forgeable {
        true if busy => Err(None),
        true => connections.bounds.take(client).map_err(|_| None),
        false => place(connections, client).map_err(Some),
    };
    match placed {
        Ok(place) => Some((incoming, place)),
        Err(None) => {
            counter!("http3_retries_total").increment(1);
            // Refused only where the address is shown already, which it is not.
            let _ = incoming.retry();
            None
        }
        Err(Some(full)) => {
            counter!("connections_refused_total", "why" => full.label()).increment(1);
            incoming.refuse();
            None
        }
    }
}

fn enter(
    connections: Connections,
    shaking: Shaking,
    incoming: Incoming,
    mut place: Place,
    stop: watch::Receiver<bool>,
) {
    let client = incoming.remote_address().ip().to_canonical();
    // Only after a Retry is it known, while we shake hands, who it is that fails.
    let shown = incoming.remote_address_validated();
    let (open, activity) = (connections.service.app.connections.clone(), Activity::new());
    let doing = Arc::clone(&activity);
    // The task waits until it is entered: a ban finds every connection.
    let (entered, admitted) = tokio::sync::oneshot::channel();
    let task = tokio::spawn(async move {
        let Ok(_entered) = admitted.await else { return };
        let app = &connections.service.app;
        let Some(quic) = handshake(incoming).await else {
            if shown && app.acme.as_ref().and_then(Acme::unready).is_none() {
                app.jails.saw(Offence::FailedHandshake, client);
            }
            return;
        };
        drop(shaking);
        place.shaken();
        connection::run(connections.service, quic, client, doing, stop).await;
    });
    let _ = entered.send(open.enter(client, activity, task.abort_handle()));
}

async fn handshake(incoming: Incoming) -> Option<quinn::Connection> {
    let begun = Instant::now();
    let why = match tokio::time::timeout(HANDSHAKE_PATIENCE, incoming).await {
        Ok(Ok(quic)) => {
            histogram!("handshake_seconds").record(begun.elapsed().as_secs_f64());
            return Some(quic);
        }
        Ok(Err(_)) => "refused",
        Err(_) => "slow",
    };
    counter!("handshakes_failed_total", "why" => why).increment(1);
    None
}

/// The limits of QUIC itself; those of quinn's defaults that are generous are tightened.
fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(100))
        // One for control and two for QPACK; room for what a client sends to keep the protocol supple.
        .max_concurrent_uni_streams(VarInt::from_u32(8))
        .max_idle_timeout(IDLE.try_into().ok())
        .stream_receive_window(VarInt::from_u32(128 * 1024))
        .receive_window(VarInt::from_u32(512 * 1024))
        .send_window(512 * 1024)
        .datagram_receive_buffer_size(None);
    transport
}

fn no_quic() -> rustls::Error {
    rustls::Error::General("no suite for the first packets of QUIC".into())
}

/// One more handshake under way, until this goes.
struct Shaking(Arc<AtomicUsize>);

impl Shaking {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Shaking {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What lets a peer believe us that a connection of before a restart is lost (RFC 9000 § 10.3): kept over restarts,
/// as it follows from the master key.
pub struct ResetKey(zeroize::Zeroizing<[u8; 32]>);

impl ResetKey {
    /// The key of this house.
    pub fn new(sealer: &Sealer) -> Self {
        Self(sealer.derive("quic reset"))
    }
}

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature: &mut [u8]) {
        let tag = authenticated(&self.0, &[data]);
        signature.iter_mut().zip(tag).for_each(|(to, from)| *to = from);
    }

    fn signature_len(&self) -> usize {
        32
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let tag = authenticated(&self.0, &[data]);
        if bool::from(tag.ct_eq(signature)) { Ok(()) } else { Err(CryptoError) }
    }
}
