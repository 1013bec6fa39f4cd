//! Whole sites through the public interface: what is built, what is refused, and how it is told.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

mod builds;
mod hardships;
mod imports;
mod invalid;
mod session;
mod support;
