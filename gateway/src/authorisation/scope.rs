//! What a key opens, out of what whoever made it may do.

use serde::{Deserialize, Serialize};

use super::Action;

/// A part of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Calculations answered at once.
    #[serde(rename = "compute")]
    Compute,
    /// Looking at datasets.
    #[serde(rename = "datasets:read")]
    DatasetsRead,
    /// Loading and deleting datasets.
    #[serde(rename = "datasets:write")]
    DatasetsWrite,
    /// Looking at calculations and reports.
    #[serde(rename = "calculations:read")]
    CalculationsRead,
    /// Starting and deleting calculations.
    #[serde(rename = "calculations:write")]
    CalculationsWrite,
    /// Looking at webhooks and their messages.
    #[serde(rename = "webhooks:read")]
    WebhooksRead,
    /// Registering, changing, trying and removing webhooks.
    #[serde(rename = "webhooks:write")]
    WebhooksWrite,
    /// What the organisation may use, and used.
    #[serde(rename = "account:read")]
    AccountRead,
}

impl Scope {
    /// Every scope, in the order of the page.
    pub const ALL: [Self; 8] = [
        Self::Compute,
        Self::DatasetsRead,
        Self::DatasetsWrite,
        Self::CalculationsRead,
        Self::CalculationsWrite,
        Self::WebhooksRead,
        Self::WebhooksWrite,
        Self::AccountRead,
    ];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::DatasetsRead => "datasets:read",
            Self::DatasetsWrite => "datasets:write",
            Self::CalculationsRead => "calculations:read",
            Self::CalculationsWrite => "calculations:write",
            Self::WebhooksRead => "webhooks:read",
            Self::WebhooksWrite => "webhooks:write",
            Self::AccountRead => "account:read",
        }
    }

    /// The scope of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == word)
    }

    /// What it opens.
    pub fn action(self) -> Action {
        match self {
            Self::Compute => Action::Compute,
            Self::DatasetsRead => Action::ReadData,
            Self::DatasetsWrite => Action::WriteData,
            Self::CalculationsRead => Action::ReadCalculations,
            Self::CalculationsWrite => Action::Calculate,
            Self::WebhooksRead => Action::ReadWebhooks,
            Self::WebhooksWrite => Action::ManageWebhooks,
            Self::AccountRead => Action::ReadOrganisation,
        }
    }
}
