//! The edge's readers of foreign bytes, and nothing else of the gateway: a fuzzer is built in a minute, not in ten.
//! Paths are those of the gateway, so that its files compile here as they stand.

#![allow(dead_code, missing_docs, reason = "fuzzers call a part of each file")]

#[path = "../../src/edge"]
pub mod edge {
    pub mod blocks;
    pub mod forwarded;
    pub mod proxy_protocol;

    pub mod protocol {
        /// As in the gateway.
        pub const REFUSED: &str = "REFUSED";

        pub mod frames;
        pub mod framing;
    }
}

#[path = "../../src/web"]
pub mod web {
    pub mod cookies;
    pub mod hosts;
    pub mod negotiation;
    pub mod range;

    pub mod error {
        /// What negotiation says of a query.
        #[derive(Debug)]
        pub enum WebError {
            BadRequest(&'static str),
        }
    }
}

#[path = "../../src/fuzzing.rs"]
pub mod fuzzing;
