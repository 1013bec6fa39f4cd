//! The static site generator: a folder of Markdown and a theme in, a folder of files and a manifest out.
//!
//! It knows neither the gateway nor the time of day: what it writes is a function of what it reads, the same
//! bytes whatever the number of threads. Every fault is told with file, line and column, and all of them at
//! once.
//!
//! ```no_run
//! use aops_generator::{BuildOptions, SiteConfig, build};
//!
//! let config: SiteConfig = toml::from_str("theme = \"aops\"\ntitle = \"Un site\"\nbase_url = \"https://example.org\"")?;
//! let report = build(&config, &BuildOptions::new("."))?;
//! println!("{} pages", report.pages);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod diagnostics;

mod assets;
mod build;
mod check;
mod config;
mod content;
mod files;
mod locale;
mod markdown;
mod new;
mod output;
mod templates;
mod theme;
mod views;
mod watch;

pub use build::{BuildOptions, BuildReport, build};
pub use check::check;
pub use config::SiteConfig;
pub use diagnostics::{Diagnostic, Diagnostics, Severity};
pub use new::new_article;
pub use watch::Watcher;
