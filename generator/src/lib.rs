//! The static site generator of AOPS Conseil: files in, files out.
//!
//! It reads `content/` and `themes/`, and writes a folder of files with one manifest that tells how to serve
//! them. It knows nothing of HTTP, of the gateway, or of the time of day. See [`build`], [`check`],
//! [`new_content`], [`Session`] and [`Watcher`].

mod assets;
mod build;
mod check;
mod config;
mod content;
mod copies;
pub mod diagnostics;
mod digest;
mod dress;
mod external;
mod extras;
mod files;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod i18n;
mod import;
mod letters;
mod list;
mod locale;
mod markdown;
mod messages;
mod new;
mod output;
mod pages;
mod phases;
mod pictures;
mod progress;
mod session;
mod site;
mod stamps;
mod templates;
mod theme;
mod unchanged;
mod watch;

pub use aops_manifest::Language;
pub use build::{BuildReport, build};
pub use check::{CheckReport, check};
pub use config::{
    BuildOptions, CardConfig, Colour, Localized, SiteConfig, Sources, Taxonomy, TaxonomySettings,
};
pub use diagnostics::{Diagnostic, Diagnostics, Severity};
pub use external::{ExternalFault, ExternalLink, external_faults, external_links};
pub use import::{ImportFrom, ImportOptions, ImportPlan, ImportedContents, ImportedFile, import};
pub use list::{Listed, list};
pub use new::{NewContent, NewKind, new_content};
pub use progress::Progress;
pub use session::{Change, Session};
pub use site::Site;
pub use watch::Watcher;
