//! What may be typed about people: accounts, and AOPS's own.

use aops_gateway::accounts::Role;
use aops_gateway::staff::StaffAct;
use clap::Subcommand;
use jiff::civil::Date;
use serde_json::Value;

#[derive(Debug, Subcommand)]
pub(super) enum AccountAct {
    /// Makes an account in an organisation of its own.
    Create {
        /// The login.
        #[arg(long)]
        email: String,
        /// Reads the password from the first line of standard input.
        #[arg(long, required = true)]
        password_stdin: bool,
        /// The address is known to be the holder's.
        #[arg(long)]
        verified: bool,
        /// Gives a plan without payment: `illimite`, or an offer's id.
        #[arg(long)]
        plan: Option<String>,
        /// owner, manager, member, read-only, billing, support, accounting, dpo, operator or auditor.
        #[arg(long, default_value = "owner", value_parser = role)]
        role: Role,
        /// Staff: the day of the last training; without it nothing of clients is shown.
        #[arg(long, value_name = "DATE")]
        trained: Option<Date>,
        /// Staff: the day on which the agreement of secrecy was signed; without it nothing of clients is shown.
        #[arg(long, value_name = "DATE")]
        secrecy: Option<Date>,
    },
    /// One line each.
    List,
    /// The second factor of an account.
    #[command(subcommand)]
    SecondFactor(SecondFactorAct),
}

#[derive(Debug, Subcommand)]
pub(super) enum SecondFactorAct {
    /// Takes it away from somebody who lost telephone and codes; make sure who asks. Their sessions end, and a letter
    /// tells them.
    Remove {
        /// The account's e-mail address.
        email: String,
        /// Why: the number of a request, say. It is entered in the audit log.
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum StaffArgs {
    /// One line each: go through it from time to time, and at every departure.
    List,
    /// Notes a training or an agreement of secrecy; the other date stays.
    Note {
        /// The account's e-mail address.
        #[arg(long)]
        email: String,
        /// The day of the training, which holds a year.
        #[arg(long, value_name = "DATE")]
        trained: Option<Date>,
        /// The day of the agreement, which holds three years.
        #[arg(long, value_name = "DATE")]
        secrecy: Option<Date>,
    },
    /// Gives another role of staff beside one's own, for an hour at most.
    Elevate {
        /// The account's e-mail address.
        #[arg(long)]
        email: String,
        /// support, accounting, dpo, operator or auditor.
        #[arg(long, value_parser = role)]
        role: Role,
        /// For so many minutes.
        #[arg(long, default_value_t = 30)]
        minutes: u16,
        /// Why: it is entered in the audit log.
        #[arg(long)]
        reason: String,
    },
    /// Ends an elevation before its time.
    Lower {
        /// The account's e-mail address.
        #[arg(long)]
        email: String,
    },
}

impl From<StaffArgs> for StaffAct {
    fn from(typed: StaffArgs) -> Self {
        match typed {
            StaffArgs::List => Self::List,
            StaffArgs::Note { email, trained, secrecy } => Self::Note { email, trained, secrecy },
            StaffArgs::Elevate { email, role, minutes, reason } => {
                Self::Elevate { email, role, minutes, reason }
            }
            StaffArgs::Lower { email } => Self::Lower { email },
        }
    }
}

fn role(text: &str) -> Result<Role, String> {
    let name = text.replace('_', "-");
    serde_json::from_value(Value::String(name)).map_err(|_| format!("no role `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_known_by_name() {
        assert_eq!(role("read_only"), Ok(Role::ReadOnly));
        assert_eq!(role("dpo"), Ok(Role::Dpo));
        assert!(role("root").is_err());
    }
}
