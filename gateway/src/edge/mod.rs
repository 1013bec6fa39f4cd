//! The edge: what happens to a connection and a request before and after any feature. It knows no feature.
//!
//! Phases, in the order in which a request meets them, a file or folder each: accept ([`accept`]) → address filter
//! ([`address_filter`]) → TLS ([`tls`]) → protocol ([`protocol`]) → authority ([`authority`]) → route class
//! ([`route_class`]) → limits ([`limits`]) → headers ([`request_headers`]) → handler ([`crate::web::router`]) →
//! response headers ([`response_headers`]) → log ([`access_log`]). [`connection`] calls those of a connection,
//! [`request`] those of a request. `http3` does the same over QUIC, where it is built in.

pub mod accept;
pub mod access_log;
pub mod address_filter;
pub mod answer_body;
pub mod authority;
pub mod blocks;
pub mod bounds;
pub mod connection;
pub mod farewell;
pub mod feeds;
pub mod forwarded;
pub mod gathered;
#[cfg(feature = "http3")]
pub mod http3;
pub mod jails;
pub mod limits;
pub mod open_connections;
pub mod operations;
pub mod overload;
pub mod prefix;
pub mod protocol;
pub mod proxy_protocol;
pub mod redirect;
pub mod refusal;
pub mod request;
pub mod request_headers;
pub mod response_headers;
pub mod route_class;
pub mod sockets;
pub mod timed;
pub mod tls;
