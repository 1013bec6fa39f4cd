//! The hardened gateway: an edge that refuses what is not ours, a router, and one folder a feature.
//!
//! A request goes edge → router → feature → store and comes back; no layer is entered twice. What is served
//! as it stands comes from the manifest alone; what is written at run time is set into the theme's frame.

pub mod accounts;
pub mod antispam;
pub mod app;
pub mod audience;
pub mod audit;
pub mod authorisation;
pub mod backup;
pub mod blobs;
pub mod breach;
pub mod calculations;
pub mod checkout;
pub mod client_audit;
pub mod clock;
pub mod config;
pub mod consent;
pub mod contact;
pub mod countries;
pub mod datasets;
pub mod doctor;
pub mod edge;
pub mod email;
pub mod evidence;
pub mod files;
pub mod firewall;
#[cfg(test)]
#[expect(unreachable_pub, reason = "its other home is a crate that calls each from a program")]
mod fuzzing;
pub mod handover;
pub mod inventory;
pub mod leaflet;
pub mod letters;
pub mod live;
pub mod mail;
pub mod newsletter;
pub mod outbound;
pub mod outbox;
pub mod payments;
pub mod processors;
pub mod records;
pub mod register;
pub mod reload;
pub mod retention;
pub mod rights;
pub mod sandbox;
pub mod sealing;
pub mod server;
pub mod sheets;
pub mod staff;
pub mod store;
pub mod supervisor;
pub mod suppression;
pub mod tax;
#[cfg(test)]
mod testing;
pub mod texts;
pub mod tokens;
pub mod trace;
pub mod typed;
pub mod valkey;
pub mod web;
pub mod webhooks;
pub mod working;
pub mod working_days;

pub use app::{App, SharedApp, StartError};
pub use config::{GatewayConfig, Settings};
pub use server::{Ending, Server, open};
