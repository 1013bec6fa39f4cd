//! End-of-career indemnities by projected unit credit (IAS 19; ANC recommendation 2013-02), and long-service awards by
//! the same kernel. Not other benefits of staff.

mod annex;
mod assumed;
mod awards;
mod blocks;
mod ids;
mod lines;
mod plan;
mod reconciliation;
mod request;
mod scale;
mod staff;
mod turnover;

pub(crate) use awards::{MODULE as AWARDS, figures as award_figures};
pub use lines::cut as cut_lines;
pub(crate) use plan::CHUNK;
pub use plan::{Band, Obligation, Plan, Rules, Shift, Total};
pub(crate) use request::{MODULE, figures};
pub use scale::{Attribution, Scale};
pub use staff::{Employee, Sex, Staff, months_later};
