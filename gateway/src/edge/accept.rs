//! First phase: accepting connections within bounds, on every processor.
//!
//! Each worker is a thread with a runtime and a listening socket of its own (SO_REUSEPORT): a connection stays where
//! it was accepted, and no two processors touch it.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use metrics::counter;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::config::Refusal;
use crate::edge::bounds::{Bounds, Full, Place};
use crate::edge::connection::Connections;
use crate::edge::open_connections::Activity;
use crate::edge::prefix::ClientPrefix;

/// How long accepting rests when the system is out of descriptors.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);
/// How long a listed address is left waiting, where it is refused in silence.
const SILENCE: Duration = Duration::from_secs(20);
/// Listed peers left waiting at once, each a descriptor; past them they are reset.
const MOST_SILENT: usize = 1_024;
static SILENT: Semaphore = Semaphore::const_new(MOST_SILENT);

/// Runs a worker for each socket; ends when all have let their open requests end.
pub async fn run(sockets: Vec<std::net::TcpListener>, connections: Connections, stop: watch::Receiver<bool>) {
    let workers = sockets.into_iter().enumerate().map(|(index, socket)| {
        let (connections, stop) = (connections.clone(), stop.clone());
        let (ended, end) = tokio::sync::oneshot::channel::<()>();
        let worker = std::thread::Builder::new().name(format!("edge-{index}")).spawn(move || {
            if let Err(error) = work(socket, connections, stop) {
                tracing::error!(%error, "a worker does not work");
            }
            drop(ended);
        });
        async move {
            match worker {
                // The sender goes with the worker, however it ends.
                Ok(_) => drop(end.await),
                Err(error) => tracing::error!(%error, "a worker cannot be started"),
            }
        }
    });
    futures::future::join_all(workers).await;
}

fn work(
    socket: std::net::TcpListener,
    connections: Connections,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(socket)?;
        let connections = connections.for_worker();
        tokio::select! {
            () = accept(listener, &connections, stop) => {}
            () = connections.overload.measure() => {}
        }
        connections.drain().await;
        Ok(())
    })
}

/// Accepts until told to stop.
async fn accept(listener: TcpListener, connections: &Connections, mut stop: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = told_to_stop(&mut stop) => return,
        };
        match accepted {
            Ok((stream, peer)) => admit(connections, stream, peer.ip().to_canonical()),
            Err(error) => rest_after(&error).await,
        }
    }
}

fn admit(connections: &Connections, stream: TcpStream, peer: IpAddr) {
    let app = &connections.service.app;
    // Whoever is behind a balancer is judged when the balancer has told who it is.
    if app.live.load().balancers.hold(peer) {
        return connections.serve(stream, peer, None);
    }
    if app.blocklist.refuses(peer, app.clock.now()) {
        counter!("connections_refused_total", "why" => "blocklist").increment(1);
        return refuse(stream, app.live.load().refusal);
    }
    match place(connections, peer) {
        Ok(place) => connections.serve(stream, peer, Some((place, Activity::new()))),
        Err(full) => {
            counter!("connections_refused_total", "why" => full.label()).increment(1);
            reset(&stream);
        }
    }
}

/// A place for a client; one that holds too many gives up its own oldest that rests.
pub(super) fn place(connections: &Connections, client: IpAddr) -> Result<Place, Full> {
    let bounds: &Bounds = &connections.bounds;
    let open = &connections.service.app.connections;
    match bounds.take(client) {
        Err(Full::Client) if open.make_room(ClientPrefix::of(client)) => Ok(bounds.take_over(client)),
        taken => taken,
    }
}

/// Refuses a listed address before the handshake.
pub(super) fn refuse(stream: TcpStream, how: Refusal) {
    match how {
        Refusal::Reset => reset(&stream),
        Refusal::Silent => match SILENT.try_acquire() {
            Ok(place) => drop(tokio::spawn(async move {
                tokio::time::sleep(SILENCE).await;
                reset(&stream);
                drop((stream, place));
            })),
            Err(_) => reset(&stream),
        },
    }
}

/// Waits where accepting again at once would only fail again (no descriptor left), and not otherwise.
async fn rest_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    counter!("accept_failures_total").increment(1);
    tracing::error!(%error, "no connection could be accepted");
    tokio::time::sleep(EXHAUSTED_PAUSE).await;
}

/// Ends a connection without a farewell: the peer learns nothing and we keep no state.
pub(super) fn reset(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// Ends when stopping begins, or when nobody is left to say so.
pub async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    // The guard that the watch gives must not live across an await.
    let _ = stop.wait_for(|stopping| *stopping).await.map(drop);
}
