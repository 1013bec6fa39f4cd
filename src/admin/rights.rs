//! What may be typed after `aops admin rights`.

use std::io;
use std::path::PathBuf;

use aops_gateway::newsletter::Language;
use aops_gateway::rights::{Act, Channel, Proof, Right, Witness};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;

use super::arguments::{language, named, text};

#[derive(Debug, Subcommand)]
pub(super) enum RightsAct {
    /// Enters a request that came by post, telephone or mail; a letter asks for a proof where none is told.
    Open {
        /// The address of whoever asks.
        #[arg(long)]
        email: String,
        /// access, rectification, restriction, portability, objection, erasure, directives or complaint.
        #[arg(long, value_parser = right)]
        right: Right,
        /// post, phone or mail.
        #[arg(long, default_value = "post", value_parser = channel)]
        channel: Channel,
        /// How you know who asks; a document that you were shown is not kept.
        #[arg(long, value_name = "HOW")]
        proved: Option<String>,
        /// The language of the letters: fr or en.
        #[arg(long, default_value = "fr", value_parser = language)]
        language: Language,
        /// The client whose data it is about, as they named it.
        #[arg(long)]
        client: Option<String>,
        /// When it came in, as 2026-12-01T09:00:00+01:00; the month runs from there.
        #[arg(long, value_name = "TIME")]
        received: Option<Timestamp>,
        /// Reads what they wrote from standard input, to its end.
        #[arg(long)]
        text_stdin: bool,
    },
    /// One line each, the oldest first, with the day by which it is answered.
    List,
    /// Does what is asked and says so: a copy is sent, an erasure carried out.
    Fulfil {
        /// The request's id, as the list shows it.
        id: String,
        /// How you know who asks, where nothing proved it yet.
        #[arg(long, value_name = "HOW")]
        proved: Option<String>,
        /// Reads what the letter says besides from standard input, to its end.
        #[arg(long)]
        text_stdin: bool,
    },
    /// Takes two months more, once and within the first, and says why.
    Extend {
        /// The request's id.
        id: String,
        /// Why a month is not enough.
        #[arg(long)]
        reason: String,
    },
    /// Refuses, with a reason and the way to the CNIL.
    Refuse {
        /// The request's id.
        id: String,
        /// Why, in the words of the letter.
        #[arg(long)]
        reason: String,
    },
    /// Sends it to the client whose data it is about.
    Forward {
        /// The request's id.
        id: String,
        /// The address of an account of the client.
        #[arg(long, value_name = "EMAIL")]
        client: String,
        /// What our help costs the client, agreed before any work, in cents.
        #[arg(long, value_name = "CENTS")]
        price_cents: Option<u32>,
    },
    /// Carries out directives about data after death, on a proof that you were shown; what is noted is who brought it,
    /// what it is and its day, never the document.
    CarryOut(CarryOut),
    /// Ends a restriction, and says so.
    Lift {
        /// The request's id.
        id: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct CarryOut {
    /// The request's id, as the list shows it.
    pub(super) id: String,
    /// Who brought the proof, and as what, as "Me Roux, notaire à Paris".
    #[arg(long)]
    pub(super) who: String,
    /// death-certificate, notary-act, family-record or court-decision.
    #[arg(long, value_name = "KIND", value_parser = proof)]
    pub(super) proof: Proof,
    /// The day that the document bears, as 2026-11-02.
    #[arg(long, value_name = "DATE")]
    pub(super) dated: Date,
    /// Writes a copy of everything to this file, which must not exist: for whom the directives name.
    #[arg(long, value_name = "FILE", required_unless_present = "erase")]
    pub(super) hand_over: Option<PathBuf>,
    /// Then erases everything but what the law has us archive.
    #[arg(long)]
    pub(super) erase: bool,
}

impl CarryOut {
    /// Who proved the death, and by what.
    pub(super) fn witness(&self) -> Witness {
        Witness { who: self.who.clone(), proof: self.proof, dated: self.dated }
    }
}

impl RightsAct {
    /// What the gateway, or the store, is asked.
    pub(super) fn command(self) -> io::Result<Act> {
        let said = |typed: bool| if typed { text(io::stdin().lock()) } else { Ok(String::new()) };
        Ok(match self {
            Self::Open { email, right, channel, proved, language, client, received, text_stdin } => {
                let said = said(text_stdin)?;
                Act::Open { email, right, channel, proved, language, said, client, received }
            }
            Self::List => Act::List,
            Self::Fulfil { id, proved, text_stdin } => Act::Fulfil { id, proved, text: said(text_stdin)? },
            Self::Extend { id, reason } => Act::Extend { id, reason },
            Self::Refuse { id, reason } => Act::Refuse { id, reason },
            Self::Forward { id, client, price_cents } => Act::Forward { id, client, price_cents },
            // With a copy to write, `admin/written.rs` asks for that first.
            Self::CarryOut(asked) => Act::EraseDirected { witness: asked.witness(), id: asked.id },
            Self::Lift { id, reason } => Act::Lift { id, reason },
        })
    }
}

fn right(text: &str) -> Result<Right, String> {
    named(text).ok_or_else(|| format!("no right `{text}`; see --help"))
}

fn proof(text: &str) -> Result<Proof, String> {
    named(text)
        .ok_or_else(|| format!("`{text}`: death-certificate, notary-act, family-record or court-decision"))
}

fn channel(text: &str) -> Result<Channel, String> {
    named(text)
        .filter(|channel| matches!(channel, Channel::Post | Channel::Phone | Channel::Mail))
        .ok_or_else(|| format!("`{text}`: post, phone or mail"))
}
