//! What may be typed about promises to clients: whom data may go to, and audits that they have made.

use aops_gateway::processors::{self, Processor};
use aops_gateway::{client_audit, client_audit::Auditor};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;

#[derive(Debug, Subcommand)]
pub(super) enum ProcessorsAct {
    /// Writes to every client what changes in content/fr/sous-traitants.csv since the last announcement; each gets one
    /// letter, whatever interrupts it.
    Announce {
        /// The first day on which the list applies, as 2027-01-15.
        #[arg(long, value_name = "DATE")]
        applies: Date,
    },
    /// Every list that was announced, the newest first.
    List,
}

#[derive(Debug, Subcommand)]
pub(super) enum ClientAuditAct {
    /// Enters a request that came by letter.
    Ask(Box<Ask>),
    /// The requests, by their first day.
    List,
    /// Accepts the auditor and the days; the auditor gets a link that opens on these days alone.
    Accept {
        /// The request's id, as the list shows it.
        id: String,
    },
    /// Refuses.
    Refuse {
        /// The request's id.
        id: String,
        /// Why, in the words of the letter.
        #[arg(long)]
        reason: String,
    },
    /// Ends the auditor's access now.
    End {
        /// The request's id.
        id: String,
        /// Why, in the words of the letter.
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Ask {
    /// The address of the owner of the client's organisation.
    #[arg(long)]
    account: String,
    /// The first day, as 2027-03-01: a working day, with a notice of 45 of them.
    #[arg(long, value_name = "DATE")]
    first: Date,
    /// One or two working days.
    #[arg(long, default_value_t = 1)]
    days: u32,
    /// The auditor's name.
    #[arg(long)]
    auditor: String,
    /// The auditor's firm.
    #[arg(long)]
    firm: String,
    /// The auditor's address, to which the access is sent.
    #[arg(long)]
    email: String,
    /// What is to be looked at.
    #[arg(long)]
    scope: String,
    /// When the letter came in, as 2026-12-01T09:00:00+01:00; now, when absent.
    #[arg(long, value_name = "TIME")]
    received: Option<Timestamp>,
}

impl ProcessorsAct {
    /// What the gateway, or the store, is asked.
    pub(super) fn act(self, declared: Vec<Processor>) -> processors::Act {
        match self {
            Self::Announce { applies } => processors::Act::Announce { declared, applies },
            Self::List => processors::Act::List,
        }
    }
}

impl ClientAuditAct {
    /// What the gateway, or the store, is asked.
    pub(super) fn act(self) -> client_audit::Act {
        match self {
            Self::Ask(ask) => client_audit::Act::Ask {
                account: ask.account,
                first: ask.first,
                days: ask.days,
                auditor: Auditor { name: ask.auditor, firm: ask.firm, email: ask.email },
                scope: ask.scope,
                received: ask.received,
            },
            Self::List => client_audit::Act::List,
            Self::Accept { id } => client_audit::Act::Accept { id },
            Self::Refuse { id, reason } => client_audit::Act::Refuse { id, reason },
            Self::End { id, reason } => client_audit::Act::End { id, reason },
        }
    }
}
