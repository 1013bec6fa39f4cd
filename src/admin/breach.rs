//! What may be typed after `aops admin breach`.

use aops_gateway::breach::{Act, Circumstances, Data, Level, Report, Scope};
use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::arguments::named;

#[derive(Debug, Subcommand)]
pub(super) enum BreachAct {
    /// Enters a breach, tells its level and the hour by which the CNIL is told, and writes to everybody concerned.
    Report(Box<Reported>),
    /// Goes on with letters that an interruption held up, and shows the entry with the CNIL's form.
    Resume {
        /// The entry's id, as the list shows it.
        id: String,
    },
    /// Notes that the CNIL was told.
    Filed {
        /// The entry's id.
        id: String,
        /// The number that the CNIL gave.
        #[arg(long)]
        reference: String,
    },
    /// The register, one line each.
    List,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that is typed")]
pub(super) struct Reported {
    /// What happened, in the words of the letters.
    #[arg(long)]
    what: String,
    /// Which data: newsletter, accounts, messages, credentials, orders, calculations; several by commas.
    #[arg(long, value_delimiter = ',', required = true, value_parser = data)]
    data: Vec<Data>,
    /// What is done about it, in the words of the letters.
    #[arg(long)]
    measures: String,
    /// What may follow for persons, in the words of the letters.
    #[arg(long, default_value = "")]
    consequences: String,
    /// When it began, as 2026-12-01T09:00:00+01:00.
    #[arg(long, value_name = "TIME")]
    began: Option<Timestamp>,
    /// When it became known: the 72 hours run from there. Now, when absent.
    #[arg(long, value_name = "TIME")]
    known: Option<Timestamp>,
    /// Somebody may have read them.
    #[arg(long)]
    disclosed: bool,
    /// They may have been changed.
    #[arg(long)]
    altered: bool,
    /// They are lost, or cannot be reached.
    #[arg(long)]
    lost: bool,
    /// Somebody meant it.
    #[arg(long)]
    malicious: bool,
    /// What is out is sealed, and its key is not.
    #[arg(long)]
    sealed: bool,
    /// These organisations alone, by commas: each by its id or the address of one of its people.
    #[arg(long, value_delimiter = ',', value_name = "ORG", conflicts_with = "by")]
    organisations: Vec<String>,
    /// The organisations on whose records this actor of the audit log acted since it began.
    #[arg(long, value_name = "ACTOR")]
    by: Option<String>,
    /// negligible, limited, significant or maximal, where the guide is wrong.
    #[arg(long, value_parser = level)]
    level: Option<Level>,
    /// An exercise: every letter goes to the officer.
    #[arg(long)]
    rehearsal: bool,
    /// Tells its level and whom it concerns, and does nothing else.
    #[arg(long)]
    dry_run: bool,
}

impl BreachAct {
    /// What the gateway, or the store, is asked.
    pub(super) fn act(self) -> Act {
        match self {
            Self::Report(report) => report.act(),
            Self::Resume { id } => Act::Resume { id },
            Self::Filed { id, reference } => Act::Filed { id, reference },
            Self::List => Act::List,
        }
    }
}

impl Reported {
    fn act(self) -> Act {
        let Self { disclosed, altered, lost, malicious, sealed, .. } = self;
        // Whoever says nothing of it fears the most frequent.
        let disclosed = disclosed || !(altered || lost);
        let scope = match self.by {
            Some(actor) => Scope::TouchedBy(actor),
            None if self.organisations.is_empty() => Scope::All,
            None => Scope::Organisations(self.organisations),
        };
        let report = Report {
            what: self.what,
            began: self.began,
            known: self.known,
            data: self.data,
            how: Circumstances { disclosed, altered, lost, malicious, sealed },
            consequences: self.consequences,
            measures: self.measures,
            scope,
            level: self.level,
            rehearsal: self.rehearsal,
            entry: None,
        };
        if self.dry_run { Act::Assess(report) } else { Act::Report(report) }
    }
}

fn data(text: &str) -> Result<Data, String> {
    named(text).ok_or_else(|| format!("no kind of data `{text}`; see --help"))
}

fn level(text: &str) -> Result<Level, String> {
    named(text).ok_or_else(|| format!("`{text}`: negligible, limited, significant or maximal"))
}
