//! End-of-career indemnities by projected unit credit (IAS 19; ANC recommendation 2013-02).
//! Not other benefits of staff.

mod employee;
mod request;
mod scale;
mod valuation;

pub use employee::{Assumptions, Attribution, Band, Employee};
pub(crate) use request::MODULE;
pub use scale::Scale;
pub use valuation::{Obligation, retirement_date, value};
