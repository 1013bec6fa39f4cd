//! First phase: accepting connections within bounds, and serving HTTP/1.1 and HTTP/2 on each.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use metrics::{counter, gauge};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::edge::prefix::ClientPrefix;
use crate::edge::request::Service;
use crate::edge::timed::WriteTimed;

/// The longest that a handshake may take.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// The longest that a request's head may take, and that a connection may rest between two requests.
const HEADER_PATIENCE: Duration = Duration::from_secs(15);
/// The longest that a peer may leave what we write unread.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// How long open requests may go on when we stop.
const DRAIN_PATIENCE: Duration = Duration::from_secs(20);
/// How long accepting rests when the system is out of descriptors.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Accepts until told to stop, then lets open requests end.
pub async fn serve(
    listener: TcpListener,
    tls: TlsAcceptor,
    service: Service,
    mut stop: watch::Receiver<bool>,
) {
    let bounds = Bounds::new(&service);
    let builder = Arc::new(http_builder());
    let graceful = GracefulShutdown::new();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    rest_after(&error).await;
                    continue;
                }
            },
            () = told_to_stop(&mut stop) => break,
        };
        if service.app.blocklist.refuses(peer.ip(), service.app.clock.now()) {
            counter!("connections_refused_total", "why" => "blocklist").increment(1);
            reset(&stream);
            continue;
        }
        let Some(place) = bounds.take(peer.ip()) else {
            counter!("connections_refused_total", "why" => "bounds").increment(1);
            reset(&stream);
            continue;
        };
        let (tls, service, builder) = (tls.clone(), service.clone(), Arc::clone(&builder));
        let watcher = graceful.watcher();
        tokio::spawn(async move {
            let _place = place;
            let Some(stream) = handshake(tls, stream).await else {
                return;
            };
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let stream = TokioIo::new(WriteTimed::new(stream, WRITE_PATIENCE));
            let builder = auto::Builder::clone(&builder);
            // The protocol is settled by the handshake: nothing is guessed from the first bytes.
            let builder = if http2 { builder.http2_only() } else { builder.http1_only() };
            let answer = service_fn(move |request: http::Request<Incoming>| {
                let service = service.clone();
                async move { Ok::<_, Infallible>(service.answer(peer.ip(), request).await) }
            });
            let connection = builder.serve_connection(stream, answer).into_owned();
            if watcher.watch(connection).await.is_err() {
                counter!("connections_broken_total").increment(1);
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_PATIENCE, graceful.shutdown()).await.is_err() {
        tracing::warn!("open requests were cut after {DRAIN_PATIENCE:?}");
    }
}

async fn handshake(tls: TlsAcceptor, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
    // Small answers leave at once.
    let _ = stream.set_nodelay(true);
    match tokio::time::timeout(HANDSHAKE_PATIENCE, tls.accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(_)) => {
            counter!("handshakes_failed_total", "why" => "refused").increment(1);
            None
        }
        Err(_) => {
            counter!("handshakes_failed_total", "why" => "slow").increment(1);
            None
        }
    }
}

/// The limits of HTTP itself; those of hyper's defaults that are generous are tightened.
fn http_builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_PATIENCE)
        .max_headers(64)
        .max_buf_size(32 * 1024)
        .pipeline_flush(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(100)
        .max_header_list_size(16 * 1024)
        .max_send_buf_size(64 * 1024)
        .initial_stream_window_size(128 * 1024)
        .initial_connection_window_size(512 * 1024)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}

/// Waits where accepting again at once would only fail again (no descriptor left), and not otherwise.
async fn rest_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::error!(%error, "no connection could be accepted");
    tokio::time::sleep(EXHAUSTED_PAUSE).await;
}

/// Ends a connection without a farewell: the peer learns nothing and we keep no state.
fn reset(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// How many connections are open, in all and by client.
struct Bounds {
    total: Arc<Semaphore>,
    per_prefix: usize,
    open: Arc<Mutex<HashMap<ClientPrefix, usize>>>,
}

impl Bounds {
    fn new(service: &Service) -> Self {
        let config = service.app.settings.gateway.connections;
        Self {
            total: Arc::new(Semaphore::new(config.total)),
            per_prefix: config.per_prefix,
            open: Arc::default(),
        }
    }

    fn take(&self, peer: IpAddr) -> Option<Place> {
        let permit = Arc::clone(&self.total).try_acquire_owned().ok()?;
        let client = ClientPrefix::of(peer);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(client).or_default();
        if *count >= self.per_prefix {
            return None;
        }
        *count += 1;
        drop(open);
        gauge!("connections_open").increment(1);
        Some(Place { client, open: Arc::clone(&self.open), _permit: permit })
    }
}

/// One connection's place; given back when it closes.
struct Place {
    client: ClientPrefix,
    open: Arc<Mutex<HashMap<ClientPrefix, usize>>>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        gauge!("connections_open").decrement(1);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

/// Ends when stopping begins, or when nobody is left to say so.
pub async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    // The guard that the watch gives must not live across an await.
    let _ = stop.wait_for(|stopping| *stopping).await.map(drop);
}

/// Binds an address.
///
/// # Errors
/// A sentence that names the address, the key to change, and what the system says.
pub async fn bind(name: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError { name, address, source })
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
