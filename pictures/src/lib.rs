//! Pictures for the web: what a picture is, its smaller forms, its Open Graph card, a drawing without danger.
//!
//! Bytes in, bytes out: this crate knows no site, no address, no HTML. Everything it answers is a pure function of
//! what it is given; the cache folder only saves time.
//!
//! ```
//! use aops_pictures::{Facts, Kind, Limits, inspect};
//!
//! let drawing = b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 12'/>";
//! assert_eq!(inspect(drawing, Limits::default()), Ok(Facts { kind: Kind::Svg, width: 24, height: 12 }));
//! ```

mod cache;
mod card;
mod decode;
mod error;
mod facts;
mod forms;
mod metadata;
mod sheet;
mod studio;
mod svg;

pub use card::Card;
pub use error::PictureError;
pub use facts::{Facts, Kind, Limits, inspect};
pub use forms::{Form, Forms};
pub use studio::Studio;
pub use svg::clean_svg;
