//! The built binary, driven from outside as its users drive it: real TLS, real files, real kills.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod authority;
mod post_office;
mod raw;
mod receiver;
mod support;

mod abuse;
mod account_attacks;
mod accounts;
mod acme;
mod admin;
mod apart;
mod api;
mod audience;
mod backup;
mod bucket;
mod calc;
mod calculations;
mod checkout;
mod conformance;
mod consent;
mod contact;
mod content;
mod contents;
mod datasets;
mod deploy;
mod described;
mod distributed;
mod documentation;
mod edge;
mod editor;
mod erasures;
mod examples;
mod faults;
mod feeds;
mod floods;
mod house;
#[cfg(feature = "http3")]
mod http3;
mod http3_cases;
mod incidents;
mod intruders;
mod jails;
mod limits;
mod listing;
mod lives;
mod mail;
mod mailing;
mod newsletter;
mod one_machine;
mod operations;
mod pages;
mod policy;
mod process;
mod promises;
mod purchase;
mod python_client;
mod retention;
mod rights;
mod security;
mod shapes;
mod slow;
mod traces;
mod two_names;
mod uploads;
mod webhooks;
mod workers;
