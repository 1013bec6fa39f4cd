//! Reserves from run-off triangles, and the request of module `provisionnement`.
//! Not reserves of single claims.

mod exposure;
mod mack;
mod munich;
mod request;
mod triangle;

pub use exposure::{bornhuetter_ferguson, cape_cod};
pub use mack::{Mack, mack, ultimates};
pub use munich::{Munich, munich};
pub(crate) use request::MODULE;
pub use triangle::Triangle;
