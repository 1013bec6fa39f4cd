//! The built binary, driven from outside as its users drive it: real TLS, real files, real kills.

#![allow(missing_docs, reason = "tests are read, not linked to")]

mod support;

mod accounts;
mod admin;
mod api;

mod checkout;
mod contact;
mod content;
mod edge;
mod faults;
mod house;
mod newsletter;
mod pages;
