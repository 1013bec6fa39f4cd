//! One HTTP/3 connection after its handshake: its requests, and what becomes of a peer that does nothing or too much.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::poll_fn;
use h3::error::{Code, ConnectionError, LocalError, StreamError};
use h3::server::{RequestResolver, RequestStream};
use h3_quinn::{BidiStream, SendStream};
use http::{Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::BodyExt;
use metrics::counter;
use quinn::Endpoint;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::body::RequestBody;
use super::fields;
use crate::edge::accept::told_to_stop;
use crate::edge::answer_body::AnswerBody;
use crate::edge::connection::{HEADER_PATIENCE, WRITE_PATIENCE, outstayed};
use crate::edge::jails::Offence;
use crate::edge::open_connections::{Activity, Answering};
use crate::edge::protocol::Version;
use crate::edge::request::{Client, Service};

/// The largest list of fields, as RFC 9114 § 4.2.2 counts it; the bound of HTTP/2 too.
const FIELDS_LIMIT: u64 = 16 * 1024;
/// Requests that may come to nothing, over those that came to an answer, before the connection ends.
const FUTILE_LIMIT: u32 = 100;
/// What is handed to QUIC at once; a peer must take each such piece within [`WRITE_PATIENCE`].
const PIECE: usize = 64 * 1024;
/// How long a peer has at least, and at most, to take the last answer before the connection is closed.
const LEAST_FAREWELL: Duration = Duration::from_millis(250);
const MOST_FAREWELL: Duration = Duration::from_secs(2);

type Connection = h3::server::Connection<h3_quinn::Connection, Bytes>;
type Resolver = RequestResolver<h3_quinn::Connection, Bytes>;
type Stream = RequestStream<BidiStream<Bytes>, Bytes>;

/// Answers requests until the peer or we have had enough. Its requests are cut with it.
pub(super) async fn run(
    service: Service,
    quic: quinn::Connection,
    client: IpAddr,
    activity: Arc<Activity>,
    mut stop: watch::Receiver<bool>,
) {
    // Heads come in frames as in HTTP/2: there are no lines to read by the letter.
    let client = Client { address: client, version: Version::Two, certified: quic.peer_identity().is_some() };
    let mut builder = h3::server::builder();
    builder.max_field_section_size(FIELDS_LIMIT);
    let Ok(mut connection) = builder.build(h3_quinn::Connection::new(quic.clone())).await else {
        return counter!("connections_broken_total").increment(1);
    };
    let mut requests = JoinSet::new();
    let mut futile = 0_u32;
    let mut leaving = pin!(outstayed(&activity));
    loop {
        tokio::select! {
            accepted = connection.accept() => match accepted {
                Ok(Some(resolver)) => {
                    requests.spawn(answer(service.clone(), client, activity.answering(), resolver));
                }
                Ok(None) => break,
                Err(error) => {
                    if !error.is_h3_no_error() {
                        counter!("connections_broken_total").increment(1);
                    }
                    // What we end a connection for is against the protocol.
                    if let ConnectionError::Local { error: LocalError::Application { .. } } = error {
                        service.app.jails.saw(Offence::Malformed, client.address);
                    }
                    return;
                }
            },
            Some(ended) = requests.join_next() => {
                futile = match ended {
                    Ok(true) => futile.saturating_sub(1),
                    _ => futile + 1,
                };
                if futile > FUTILE_LIMIT {
                    counter!("http3_futile_total").increment(1);
                    service.app.jails.saw(Offence::Malformed, client.address);
                    return quic.close(code(Code::H3_EXCESSIVE_LOAD), b"");
                }
            }
            () = &mut leaving => return counter!("connections_outstayed_total").increment(1),
            () = told_to_stop(&mut stop) => {
                let patience = service.app.live.load().drain;
                drain(connection, requests, &quic, patience).await;
                return;
            }
        }
    }
    // The peer said that it asks nothing more.
    while requests.join_next().await.is_some() {}
    taken(&quic).await;
}

/// Waits until the peer has closed, or has had time to take the last answer: what is not acknowledged is lost when we
/// close (RFC 9000 § 10.2).
async fn taken(quic: &quinn::Connection) {
    let time = (quic.rtt() * 8).clamp(LEAST_FAREWELL, MOST_FAREWELL);
    let _ = tokio::time::timeout(time, quic.closed()).await;
}

/// Tells which requests will still be answered (RFC 9114 § 5.2), and answers them.
async fn drain(
    mut connection: Connection,
    mut requests: JoinSet<bool>,
    quic: &quinn::Connection,
    patience: Duration,
) {
    // The first that will not be is the one after the last that came.
    if connection.shutdown(1).await.is_err() {
        return;
    }
    let ended = async {
        loop {
            tokio::select! {
                more = requests.join_next() => if more.is_none() { return },
                refused = connection.accept() => if !matches!(refused, Ok(Some(_))) {
                    while requests.join_next().await.is_some() {}
                    return;
                },
            }
        }
    };
    if tokio::time::timeout(patience, ended).await.is_ok() {
        taken(quic).await;
    }
}

/// Ends when every connection has, within a time.
pub(super) async fn drained(endpoint: &Endpoint, patience: Duration) {
    if tokio::time::timeout(patience, endpoint.wait_idle()).await.is_err() {
        tracing::warn!("open requests over HTTP/3 were cut after {patience:?}");
    }
}

/// Answers one request; whether it came to an answer that the peer took.
async fn answer(service: Service, client: Client, answering: Answering, resolver: Resolver) -> bool {
    let malformed = |why| {
        counter!("requests_refused_total", "phase" => "protocol", "why" => why).increment(1);
        service.app.jails.saw(Offence::Malformed, client.address);
    };
    let (request, mut stream, section) = match tokio::time::timeout(HEADER_PATIENCE, head(resolver)).await {
        Ok(Ok(head)) => head,
        Ok(Err(StreamError::StreamError { code: Code::H3_MESSAGE_ERROR, .. })) => {
            malformed("message");
            return false;
        }
        Ok(Err(_)) | Err(_) => return false,
    };
    let declared = match section.and_then(|()| fields::check(&request)) {
        Ok(declared) => declared,
        Err(why) => {
            malformed(why);
            // An error of its stream (RFC 9114 § 4.1.2).
            stream.stop_stream(Code::H3_MESSAGE_ERROR);
            stream.stop_sending(Code::H3_MESSAGE_ERROR);
            return false;
        }
    };
    let (mut sending, receiving) = stream.split();
    let method = request.method().clone();
    let request = request.map(|()| RequestBody::new(receiving, declared));
    let response = service.answer(client, answering, request).await;
    match send(&mut sending, &method, response).await {
        Some(()) => true,
        None => {
            sending.stop_stream(Code::H3_REQUEST_CANCELLED);
            false
        }
    }
}

/// A request's head, its stream, and whether its fields are well formed.
type Head = (Request<()>, Stream, Result<(), &'static str>);

/// Reads a head; the peer of what is none is told by h3.
async fn head(mut resolver: Resolver) -> Result<Head, StreamError> {
    let frame = poll_fn(|cx| resolver.frame_stream.poll_next(cx)).await;
    let section = match &frame {
        Ok(Some(h3::proto::frame::Frame::Headers(section))) => fields::section(section),
        // h3 says what is wrong.
        _ => Ok(()),
    };
    let (request, stream) = resolver.accept_with_frame(frame)?.resolve().await?;
    Ok((request, stream, section))
}

/// Sends an answer piece by piece; none when the peer went or stopped reading.
async fn send(
    stream: &mut RequestStream<SendStream<Bytes>, Bytes>,
    method: &Method,
    response: Response<AnswerBody>,
) -> Option<()> {
    let (mut parts, mut body) = response.into_parts();
    // What concerns a connection has no place here (RFC 9114 § 4.2).
    parts.headers.remove(header::CONNECTION);
    let length = Body::size_hint(&body).exact();
    let bodiless = matches!(parts.status, StatusCode::NOT_MODIFIED | StatusCode::NO_CONTENT);
    if let Some(length) = length.filter(|length| *length > 0 && !bodiless) {
        parts.headers.entry(header::CONTENT_LENGTH).or_insert(length.into());
    }
    timed(stream.send_response(Response::from_parts(parts, ()))).await?;
    // HEAD is answered by the head alone (RFC 9110 § 9.3.2): what handlers and refusals write ends here.
    if bodiless || *method == Method::HEAD {
        return timed(stream.finish()).await;
    }
    while let Some(frame) = body.frame().await {
        let Ok(mut data) = frame.ok()?.into_data() else { continue };
        while !data.is_empty() {
            let piece = data.split_to(PIECE.min(data.len()));
            timed(stream.send_data(piece)).await?;
        }
    }
    timed(stream.finish()).await
}

async fn timed<E>(sending: impl Future<Output = Result<(), E>>) -> Option<()> {
    tokio::time::timeout(WRITE_PATIENCE, sending).await.ok()?.ok()
}

fn code(code: Code) -> quinn::VarInt {
    code.value().try_into().unwrap_or_default()
}
