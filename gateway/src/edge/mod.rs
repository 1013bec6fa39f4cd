//! The edge: what happens to a connection and a request before and after any feature. It knows no feature.
//!
//! Phases, in the order in which a request meets them, one file each:
//! accept ([`listener`]) → address filter ([`address_filter`]) → TLS ([`tls`]) → protocol ([`protocol`]) →
//! authority ([`authority`]) → route class ([`route_class`]) → limits ([`limits`]) → handler
//! ([`crate::web::router`]) → response headers ([`headers`]) → log ([`access_log`]). [`request`] calls them.

pub mod access_log;
pub mod address_filter;
pub mod authority;
pub mod headers;
pub mod limits;
pub mod listener;
pub mod operations;
pub mod prefix;
pub mod protocol;
pub mod redirect;
pub mod request;
pub mod route_class;
pub mod timed;
pub mod tls;
