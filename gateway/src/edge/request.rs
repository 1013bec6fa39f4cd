//! The way of one request through the phases, in one place: protocol → authority → route class → limits → headers →
//! handler → response headers → log. Pages of the built site, which need no handler, take the same way without a wait.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::BoxError;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::FutureExt;
use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use http_body::Body as HttpBody;

use crate::app::SharedApp;
use crate::edge::access_log::{self, Line};
use crate::edge::answer_body::AnswerBody;
use crate::edge::jails::{Offence, traps};
use crate::edge::limits::Allowance;
use crate::edge::open_connections::Answering;
use crate::edge::overload::Overload;
use crate::edge::prefix::ClientPrefix;
use crate::edge::protocol::Version;
use crate::edge::refusal::Refusal;
use crate::edge::route_class::RouteClass;
use crate::edge::timed::PacedBody;
use crate::edge::{authority, forwarded, protocol, request_headers, request_id, response_headers};
use crate::web::dress::{Audience, dress};
use crate::web::error::WebError;
use crate::web::router::{self, Routes};
use crate::web::stored::Leaving;
use crate::web::{Peer, RequestId, compression};

/// The longest that a handler may take to begin its answer, the body that it waits for within.
const HANDLER_PATIENCE: Duration = Duration::from_secs(60);

/// What every request of a listener shares.
#[derive(Clone)]
pub struct Service {
    /// The application.
    pub app: SharedApp,
    /// The features' routes.
    pub routes: Arc<Routes>,
    /// Whether the worker is late.
    pub overload: Option<Arc<Overload>>,
}

/// A request's body, whichever protocol brings it.
pub trait Sent: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static {}

impl<B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static> Sent for B {}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    /// The address, as the socket or a listed balancer tells it.
    pub address: IpAddr,
    /// The protocol that the handshake settled.
    pub version: Version,
    /// Whether it showed a certificate of the staff's authority.
    pub certified: bool,
}

/// How far a request came through the phases before a handler is asked.
struct Passed {
    class: RouteClass,
    allowance: Option<Allowance>,
    /// What the built site answers by itself.
    built: Option<http::Response<Leaving>>,
}

impl Service {
    /// The features behind this application.
    pub fn new(app: &SharedApp) -> Self {
        let routes = Arc::new(Routes::new(app));
        Self { app: Arc::clone(app), routes, overload: None }
    }

    /// Answers one request; whatever happens, there is an answer and a line in the log.
    pub async fn answer<B: Sent>(
        &self,
        client: Client,
        answering: Answering,
        request: Request<B>,
    ) -> http::Response<AnswerBody> {
        let started = Instant::now();
        let peer = forwarded::client(client.address, request.headers(), &self.app.live.load().proxies);
        let id = self.id(client, &request);
        let mut class = RouteClass::Pages;
        let passed = self.phases(Client { address: peer, ..client }, &request, &mut class);
        // What another site's page has a visitor's browser ask for is not the visitor's doing.
        let embedded = request.headers().get("sec-fetch-site").is_some_and(|site| site == "cross-site");
        if let Some(offence) = passed.as_ref().err().and_then(offence_of).filter(|_| !embedded) {
            self.app.jails.saw(offence, peer);
        }
        let method = request.method().clone();
        let line = |path: &str, status: StatusCode, bytes: Option<u64>| {
            let elapsed = started.elapsed();
            access_log::write(&Line {
                request: &id,
                peer,
                method: &method,
                path,
                class,
                status,
                bytes,
                elapsed,
            });
        };
        let passed = match passed {
            Ok(Passed { built: Some(mut built), class, allowance }) => {
                self.app.limits.tell(class, allowance.as_ref(), built.headers_mut());
                response_headers::name(built.headers_mut(), &id);
                line(request.uri().path(), built.status(), Some(built.body().len()));
                return built.map(|bytes| AnswerBody::built(bytes, answering));
            }
            other => other,
        };
        let path = request.uri().path().to_owned();
        let keyed = class == RouteClass::Api && request.headers().contains_key(AUTHORIZATION);
        let (allowance, response) = self.handled(peer, &id, passed, request).await;
        if response.status() == StatusCode::NOT_FOUND && !embedded {
            self.missed(peer, class, &path);
        }
        if response.status() == StatusCode::UNAUTHORIZED && keyed && !embedded {
            self.app.jails.saw(Offence::RefusedKey, peer);
        }
        let mut response = response;
        self.app.limits.tell(class, allowance.as_ref(), response.headers_mut());
        response_headers::set(response.headers_mut(), &id);
        line(&path, response.status(), http_body::Body::size_hint(response.body()).exact());
        response.map(|body| AnswerBody::written(body, answering))
    }

    /// The phases before the handler; each refuses by itself.
    fn phases<B: Sent>(
        &self,
        client: Client,
        request: &Request<B>,
        class: &mut RouteClass,
    ) -> Result<Passed, Refusal> {
        let path = protocol::check(request, client.version)?;
        authority::check(request, &self.app.hosts)?;
        *class = RouteClass::of(request.method(), &path);
        class.opens_to(&path, client.certified, self.app.settings.gateway.staff_is_certified())?;
        self.shed(&path)?;
        let allowance = self.limited(client.address, *class)?;
        request_headers::check(request, *class)?;
        let built = router::built(&self.app, &path, client.address, request);
        Ok(Passed { class: *class, allowance: Some(allowance), built })
    }

    fn limited(&self, client: IpAddr, class: RouteClass) -> Result<Allowance, Refusal> {
        // A proxy's connection stays while one of its clients is banned.
        if self.app.blocklist.refuses(client, self.app.clock.now()) {
            return Err(Refusal::closing(StatusCode::FORBIDDEN, "address_filter", "listed"));
        }
        if self.app.blocklist.refuses_class(client, class) {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "address_filter", "country"));
        }
        let refused = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "limits", class.label());
        self.app.limits.take(class, ClientPrefix::of(client)).map_err(|wait| refused.wait(wait))
    }

    /// Somebody asked for what is nowhere. Programs of clients may ask for what is gone.
    fn missed(&self, peer: IpAddr, class: RouteClass, path: &str) {
        if protocol::decoded_path(path).is_some_and(|path| traps::is_one(&path)) {
            self.app.jails.saw(Offence::Trap, peer);
        } else if class == RouteClass::Pages {
            self.app.jails.saw(Offence::NotFound, peer);
        }
    }

    /// The staff's pages stay open when all else is too much.
    fn shed(&self, path: &str) -> Result<(), Refusal> {
        let Some(overload) = &self.overload else { return Ok(()) };
        if !path.starts_with("/equipe") && overload.sheds() {
            let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "limits", "overload");
            return Err(refusal.wait(Duration::from_secs(10)));
        }
        Ok(())
    }

    async fn handled<B: Sent>(
        &self,
        peer: IpAddr,
        id: &str,
        passed: Result<Passed, Refusal>,
        mut request: Request<B>,
    ) -> (Option<Allowance>, Response) {
        request.extensions_mut().insert(RequestId(id.to_owned()));
        request.extensions_mut().insert(Peer(peer));
        let (parts, body) = request.into_parts();
        let audience = Audience::of(&parts);
        let compressed = compression::wanted(&parts.headers);
        let request = Request::from_parts(parts, Body::new(PacedBody::new(body)));
        let (allowance, response) = match passed {
            Ok(passed) => {
                let path = protocol::decoded_path(request.uri().path()).unwrap_or_default().into_owned();
                let handler = router::answer(&self.app, &self.routes, &path, request);
                (passed.allowance, guarded(handler, id).await)
            }
            Err(refusal) => (None, refusal.into_response()),
        };
        let mut response = dress(&self.app, &audience, response);
        if compressed {
            response = compression::compressed(response).await;
        }
        (allowance, response)
    }

    /// A name of our own, but for the trace that a listed proxy began.
    fn id<B>(&self, client: Client, request: &Request<B>) -> String {
        let believed = self.app.live.load().proxies.hold(client.address);
        let trace = believed.then(|| request_id::of_trace(request.headers())).flatten();
        trace.unwrap_or_else(request_id::draw)
    }
}

/// What a refusal tells of the client.
fn offence_of(refusal: &Refusal) -> Option<Offence> {
    match refusal.status {
        StatusCode::TOO_MANY_REQUESTS => Some(Offence::Limited),
        _ if refusal.phase == protocol::PHASE && refusal.closing => Some(Offence::Malformed),
        _ => None,
    }
}

/// Runs a handler within its time; a panic in it costs its own request alone.
async fn guarded(handler: impl Future<Output = Response>, id: &str) -> Response {
    let timed = tokio::time::timeout(HANDLER_PATIENCE, AssertUnwindSafe(handler).catch_unwind());
    match timed.await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            tracing::error!(request = %id, "a handler panicked");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Err(_) => WebError::Unavailable("the handler took too long".into()).into_response(),
    }
}
