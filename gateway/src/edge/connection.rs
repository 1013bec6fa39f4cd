//! One connection, from its first byte to its end: who speaks, the handshake, requests, and what becomes of a peer
//! that does nothing.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use http::HeaderValue;
use http::header::ALT_SVC;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use metrics::{counter, histogram};
use rustls::server::Acceptor;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};

use crate::edge::accept::{place, refuse, reset};
use crate::edge::bounds::{Bounds, Place};
use crate::edge::farewell::{Farewell, Guest};
use crate::edge::gathered::{Gathered, Gathering};
use crate::edge::jails::Offence;
use crate::edge::open_connections::Activity;
use crate::edge::overload::Overload;
use crate::edge::protocol::Version;
use crate::edge::protocol::guard::Guarded;
use crate::edge::proxy_protocol::{self, Header};
use crate::edge::request::{Client, Service};
use crate::edge::timed::WriteTimed;
use crate::edge::tls::acme::{Acme, Challenges};

/// The longest that a handshake may take.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// The longest that a request's head may take, and that an HTTP/1 connection may rest between two requests.
pub(super) const HEADER_PATIENCE: Duration = Duration::from_secs(15);
/// The longest that a peer may leave what we write unread.
pub(super) const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// How long an HTTP/2 connection may rest, and how long an answer may stand still.
const REST_PATIENCE: Duration = Duration::from_secs(90);
/// The longest life of a connection that has no answer on its way.
const LIFETIME: Duration = Duration::from_secs(3_600);
/// The longest life of a connection in any case: a stream that its peer never lets end is on its way for ever.
const LONGEST: Duration = Duration::from_secs(2 * 3_600);
/// How long a connection may take to end once it was asked to.
const FAREWELL: Duration = Duration::from_secs(10);
/// How often a connection is looked at.
const LOOK: Duration = Duration::from_secs(15);

/// What every connection of a worker shares.
#[derive(Clone)]
pub struct Connections {
    /// What answers.
    pub service: Service,
    /// How many there may be, over all workers.
    pub bounds: Bounds,
    /// Whether this worker is late.
    pub overload: Arc<Overload>,
    /// Where else we answer (RFC 7838).
    elsewhere: Option<HeaderValue>,
    tls: TlsAcceptor,
    http: Arc<auto::Builder<TokioExecutor>>,
    farewell: Farewell,
}

impl Connections {
    /// What the connections of every worker share.
    pub fn new(service: Service, tls: TlsAcceptor) -> Self {
        let settings = &service.app.settings;
        let bounds = Bounds::new(settings.gateway.connections, settings.limits_factor);
        let (overload, farewell) = (Arc::default(), Farewell::default());
        let http3 = settings.gateway.http3;
        let elsewhere =
            http3.and_then(|address| format!("h3=\":{}\"; ma=86400", address.port()).parse().ok());
        Self { service, bounds, overload, elsewhere, tls, http: Arc::new(http_builder()), farewell }
    }

    /// The same for one more worker: its delay and its connections are its own.
    pub fn for_worker(&self) -> Self {
        let overload = Arc::<Overload>::default();
        let mut service = self.service.clone();
        service.overload = Some(Arc::clone(&overload));
        Self { service, overload, farewell: Farewell::default(), ..self.clone() }
    }

    /// Lets open requests end, within a time.
    pub async fn drain(self) {
        let patience = self.service.app.live.load().drain;
        if tokio::time::timeout(patience, self.farewell.say()).await.is_err() {
            tracing::warn!("open requests were cut after {patience:?}");
        }
    }

    /// Serves a connection; `placed` unless a balancer is still to say for whom it speaks.
    pub fn serve(&self, stream: TcpStream, peer: IpAddr, placed: Option<(Place, Arc<Activity>)>) {
        // Small answers leave at once.
        let _ = stream.set_nodelay(true);
        match placed {
            Some((place, activity)) => self.enter(stream, peer, place, activity, self.farewell.guest()),
            None => {
                let (connections, guest) = (self.clone(), self.farewell.guest());
                tokio::spawn(async move { connections.introduced(stream, guest).await });
            }
        }
    }

    /// Serves a balancer's connection, once it has told for whom it speaks.
    async fn introduced(self, mut stream: TcpStream, guest: Guest) {
        let app = &self.service.app;
        let client = match proxy_protocol::read(&mut stream).await {
            Ok(Header::Proxied(client)) => client.ip(),
            Ok(Header::Local) => return,
            Err(error) => {
                counter!("connections_refused_total", "why" => "proxy_protocol").increment(1);
                tracing::debug!(%error, "a balancer did not say for whom it speaks");
                return reset(&stream);
            }
        };
        if app.blocklist.refuses(client, app.clock.now()) {
            counter!("connections_refused_total", "why" => "blocklist").increment(1);
            return refuse(stream, app.live.load().refusal);
        }
        match place(&self, client) {
            Ok(place) => self.enter(stream, client, place, Activity::new(), guest),
            Err(full) => {
                counter!("connections_refused_total", "why" => full.label()).increment(1);
                reset(&stream);
            }
        }
    }

    fn enter(
        &self,
        stream: TcpStream,
        client: IpAddr,
        place: Place,
        activity: Arc<Activity>,
        mut guest: Guest,
    ) {
        let (tls, http, service) = (self.tls.clone(), Arc::clone(&self.http), self.service.clone());
        let elsewhere = self.elsewhere.clone();
        let open = self.service.app.connections.clone();
        let challenges = self.service.app.acme.as_ref().map(|acme| &acme.challenges);
        let challenges = challenges.filter(|challenges| challenges.expects_handshakes()).cloned();
        let doing = Arc::clone(&activity);
        // The task waits until it is entered: a ban finds every connection.
        let (entered, admitted) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let (Ok(_entered), mut place) = (admitted.await, place) else { return };
            let mut stream = match handshake(tls, challenges, stream).await {
                Ok(stream) => stream,
                // Without a certificate nobody can do better.
                Err(Unshaken::Failed) if service.app.acme.as_ref().and_then(Acme::unready).is_none() => {
                    return service.app.jails.saw(Offence::FailedHandshake, client);
                }
                Err(Unshaken::Failed | Unshaken::Proved) => return,
            };
            place.shaken();
            let session = stream.get_ref().1;
            let version = if session.alpn_protocol() == Some(b"h2") { Version::Two } else { Version::One };
            let client =
                Client { address: client, version, certified: session.peer_certificates().is_some() };
            let outgoing = (version == Version::Two).then(|| stream.get_mut().0.gather());
            let (app, address) = (Arc::clone(&service.app), client.address);
            let guarded =
                Guarded::new(stream, version).telling(move || app.jails.saw(Offence::Malformed, address));
            let stream = TokioIo::new(WriteTimed::new(guarded, WRITE_PATIENCE));
            let builder = auto::Builder::clone(&http);
            // The protocol is settled by the handshake: nothing is guessed from the first bytes.
            let builder = match version {
                Version::One => builder.http1_only(),
                Version::Two => builder.http2_only(),
            };
            let answering = Arc::clone(&doing);
            let answer = service_fn(move |request: http::Request<Incoming>| {
                let elsewhere = elsewhere.clone();
                service.answer(client, answering.answering(), request).map(move |mut answer| {
                    if let Some(elsewhere) = elsewhere {
                        answer.headers_mut().insert(ALT_SVC, elsewhere);
                    }
                    Ok::<_, Infallible>(answer)
                })
            });
            let connection = pin!(builder.serve_connection(stream, answer));
            let mut connection = Gathering::new(connection, outgoing);
            let served = async {
                tokio::select! {
                    biased;
                    ended = &mut connection => return ended,
                    () = guest.told(|| doing.has_asked()) => connection.get_mut().graceful_shutdown(),
                }
                connection.await
            };
            tokio::select! {
                biased;
                ended = served => if ended.is_err() {
                    counter!("connections_broken_total").increment(1);
                },
                () = outstayed(&doing) => counter!("connections_outstayed_total").increment(1),
            }
        });
        // The task has gone already only if the worker ends.
        let _ = entered.send(open.enter(client, activity, task.abort_handle()));
    }
}

/// Ends when a connection has rested or stood still for too long.
pub(super) async fn outstayed(activity: &Activity) {
    loop {
        tokio::time::sleep(LOOK).await;
        if activity.age() > LONGEST {
            return;
        }
        let old = activity.at_rest() && activity.age() > LIFETIME;
        if activity.still_for() > REST_PATIENCE || old {
            // A moment for what is just being said.
            pin!(tokio::time::sleep(FAREWELL)).await;
            if activity.still_for() > FAREWELL {
                return;
            }
        }
    }
}

/// Why nobody may speak after a handshake.
enum Unshaken {
    /// An authority has seen that a name is ours, and nothing else is said.
    Proved,
    /// There is no connection.
    Failed,
}

async fn handshake(
    tls: TlsAcceptor,
    challenges: Option<Arc<Challenges>>,
    stream: TcpStream,
) -> Result<TlsStream<Gathered>, Unshaken> {
    let begun = std::time::Instant::now();
    let stream = Gathered::new(stream);
    let shaken = async {
        match challenges {
            Some(challenges) => challenged(tls, &challenges, stream).await,
            None => tls.accept(stream).await.map(Some),
        }
    };
    match tokio::time::timeout(HANDSHAKE_PATIENCE, shaken).await {
        Ok(Ok(Some(stream))) => {
            histogram!("handshake_seconds").record(begun.elapsed().as_secs_f64());
            Ok(stream)
        }
        Ok(Ok(None)) => Err(Unshaken::Proved),
        Ok(Err(_)) => {
            counter!("handshakes_failed_total", "why" => "refused").increment(1);
            Err(Unshaken::Failed)
        }
        Err(_) => {
            counter!("handshakes_failed_total", "why" => "slow").increment(1);
            Err(Unshaken::Failed)
        }
    }
}

/// A handshake where an authority may look for the proof of a name: it gets that and nothing else, and the connection
/// ends (RFC 8737 § 3).
async fn challenged(
    tls: TlsAcceptor,
    challenges: &Challenges,
    stream: Gathered,
) -> io::Result<Option<TlsStream<Gathered>>> {
    let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let Some(proof) = challenges.tls(&begun.client_hello()) else {
        return begun.into_stream(Arc::clone(tls.config())).await.map(Some);
    };
    begun.into_stream(proof).await?.shutdown().await?;
    counter!("acme_challenges_total", "kind" => "tls-alpn-01").increment(1);
    Ok(None)
}

/// The limits of HTTP itself; those of hyper's defaults that are generous are tightened.
fn http_builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // Not `pipeline_flush`: an answer that ends the connection would be lost where another request stands behind.
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_PATIENCE)
        .max_headers(64)
        .max_buf_size(32 * 1024);
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
