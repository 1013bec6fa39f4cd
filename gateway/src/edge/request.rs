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
use futures::future::{self, Either};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, Method, Request, StatusCode};
use http_body::Body as HttpBody;

use crate::app::SharedApp;
use crate::audit;
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
use crate::edge::{authority, forwarded, protocol, request_headers, response_headers};
use crate::trace::Trace;
use crate::web::dress::{Audience, dress};
use crate::web::error::WebError;
use crate::web::router::{self, Routes};
use crate::web::stored::Leaving;
use crate::web::{Peer, RequestId, compression};

/// The longest that a handler may take to begin its answer, the body that it waits for within.
const HANDLER_PATIENCE: Duration = Duration::from_secs(60);

/// Whose page had it asked (Fetch Metadata).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

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

/// An answer, there already or to be waited for.
pub type Answer =
    Either<future::Ready<http::Response<AnswerBody>>, future::BoxFuture<'static, http::Response<AnswerBody>>>;

/// Who asked, when and how: what the log tells beside the answer.
struct Asked {
    started: Instant,
    trace: Trace,
    peer: IpAddr,
    version: http::Version,
    method: Method,
    class: RouteClass,
}

impl Asked {
    fn log(&self, path: &str, status: StatusCode, bytes: Option<u64>) {
        access_log::write(&Line {
            trace: &self.trace,
            peer: self.peer,
            version: self.version,
            method: &self.method,
            path,
            class: self.class,
            status,
            bytes,
            elapsed: self.started.elapsed(),
        });
    }
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

    /// Answers one request; whatever happens, there is an answer and a line in the log. What the built site answers is
    /// there at once; anything else is made apart, so that no page carries its room about.
    pub fn answer<B: Sent>(&self, client: Client, answering: Answering, request: Request<B>) -> Answer {
        let started = Instant::now();
        let peer = forwarded::client(client.address, request.headers(), &self.app.live.load().proxies);
        let trace = self.trace(client, &request);
        let mut class = RouteClass::Pages;
        let passed = self.phases(Client { address: peer, ..client }, &request, &mut class);
        let method = request.method().clone();
        let asked = Asked { started, trace, peer, version: request.version(), method, class };
        match passed {
            Ok(Passed { built: Some(mut built), class, allowance }) => {
                self.app.limits.tell(class, allowance.as_ref(), built.headers_mut());
                response_headers::name(built.headers_mut(), asked.trace.id());
                if built.status() == StatusCode::NOT_FOUND && !embedded(request.headers()) {
                    self.missed(peer, class, request.uri().path());
                }
                asked.log(request.uri().path(), built.status(), Some(built.body().len()));
                Either::Left(future::ready(built.map(|bytes| AnswerBody::built(bytes, answering))))
            }
            other => Either::Right(self.clone().waited_for(asked, other, answering, request).boxed()),
        }
    }

    /// The answer to a request that was refused, or that a handler answers.
    async fn waited_for<B: Sent>(
        self,
        asked: Asked,
        passed: Result<Passed, Refusal>,
        answering: Answering,
        request: Request<B>,
    ) -> http::Response<AnswerBody> {
        let Asked { peer, trace, class, .. } = asked;
        let embedded = embedded(request.headers());
        if let Some(offence) = passed.as_ref().err().and_then(offence_of).filter(|_| !embedded) {
            self.app.jails.saw(offence, peer);
        }
        let path = request.uri().path().to_owned();
        let keyed = class == RouteClass::Api && request.headers().contains_key(AUTHORIZATION);
        let handled = self.handled(peer, trace.id(), passed, request);
        let (allowance, mut response) = trace.scope(audit::from(peer, handled)).await;
        if response.status() == StatusCode::NOT_FOUND && !embedded {
            self.missed(peer, class, &path);
        }
        if response.status() == StatusCode::UNAUTHORIZED && keyed && !embedded {
            self.app.jails.saw(Offence::RefusedKey, peer);
        }
        self.app.limits.tell(class, allowance.as_ref(), response.headers_mut());
        response_headers::set(response.headers_mut(), trace.id());
        asked.log(&path, response.status(), HttpBody::size_hint(response.body()).exact());
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
        let authority = authority::check(request, &self.app.hosts)?;
        *class = RouteClass::of(request.method(), &path);
        class.opens_to(&path, client.certified, self.app.settings.gateway.staff_is_certified())?;
        self.shed(&path)?;
        let allowance = self.limited(client.address, *class)?;
        request_headers::check(request, *class)?;
        let built = match router::at_other_name(&self.app, authority, &path, request)? {
            Some(there) => Some(there),
            None => router::built(&self.app, &path, client.address, request),
        };
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
        // To compress what refuses a flood would help the flood.
        let compressed = passed.is_ok() && compression::wanted(&parts.headers);
        let request = Request::from_parts(parts, Body::new(PacedBody::new(body)));
        let (allowance, response) = match passed {
            Ok(passed) => {
                let path = protocol::decoded_path(request.uri().path()).unwrap_or_default().into_owned();
                let handler = router::answer(&self.app, &self.routes, &path, request);
                (passed.allowance, guarded(handler).await)
            }
            Err(refusal) => (None, refusal.into_response()),
        };
        let mut response = dress(&self.app, &audience, response);
        if compressed {
            response = compression::compressed(response).await;
        }
        (allowance, response)
    }

    /// A trace of our own, but for the one that a listed proxy began.
    fn trace<B>(&self, client: Client, request: &Request<B>) -> Trace {
        let believed = self.app.live.load().proxies.hold(client.address);
        believed.then(|| Trace::following(request.headers())).flatten().unwrap_or_else(Trace::draw)
    }
}

/// Whether another site's page has a visitor's browser ask: it is not the visitor's doing.
fn embedded(headers: &HeaderMap) -> bool {
    headers.get(&SEC_FETCH_SITE).is_some_and(|site| site == "cross-site")
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
async fn guarded(handler: impl Future<Output = Response>) -> Response {
    let timed = tokio::time::timeout(HANDLER_PATIENCE, AssertUnwindSafe(handler).catch_unwind());
    match timed.await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            tracing::error!("a handler panicked");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Err(_) => WebError::Unavailable("the handler took too long".into()).into_response(),
    }
}
