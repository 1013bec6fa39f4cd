//! The roles of people, and all that each may do: no more than its work needs.

use serde::{Deserialize, Serialize};

use super::Action;
use super::Action::{
    AskAudit, AssignSeats, Buy, Calculate, Compute, HandOver, KeepPolicy, ManageKeys, ManagePeople,
    ManageWebhooks, OwnAccount, ReadAudience, ReadCalculations, ReadData, ReadDesk, ReadGateway,
    ReadInvoices, ReadJournal, ReadKeys, ReadOrganisation, ReadPeople, ReadPolicy, ReadSubscriptions,
    ReadWebhooks, WriteData,
};

/// What somebody is: for clients inside their organisation, for staff over all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything in the organisation.
    #[default]
    Owner,
    /// People, keys, webhooks and calculations.
    Manager,
    /// Calculations.
    Member,
    /// Reading.
    ReadOnly,
    /// Orders and invoices.
    Billing,
    /// Staff: helping clients.
    Support,
    /// Staff: orders and invoices.
    Accounting,
    /// Staff: data protection.
    Dpo,
    /// Staff: running the machines.
    Operator,
    /// Staff: reading the journal.
    Auditor,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 10] = [
        Self::Owner,
        Self::Manager,
        Self::Member,
        Self::ReadOnly,
        Self::Billing,
        Self::Support,
        Self::Accounting,
        Self::Dpo,
        Self::Operator,
        Self::Auditor,
    ];
    /// Those of clients.
    pub const CLIENTS: [Self; 5] = [Self::Owner, Self::Manager, Self::Member, Self::ReadOnly, Self::Billing];

    /// Whether it is one of AOPS's own people.
    pub fn is_staff(self) -> bool {
        !Self::CLIENTS.contains(&self)
    }

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Manager => "manager",
            Self::Member => "member",
            Self::ReadOnly => "read-only",
            Self::Billing => "billing",
            Self::Support => "support",
            Self::Accounting => "accounting",
            Self::Dpo => "dpo",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
        }
    }

    /// The role of a client of this word.
    pub fn of_client(word: &str) -> Option<Self> {
        Self::CLIENTS.into_iter().find(|role| role.name() == word)
    }

    /// All that it may do.
    pub fn actions(self) -> &'static [Action] {
        match self {
            Self::Owner => &[
                OwnAccount,
                ReadOrganisation,
                ReadJournal,
                ReadPeople,
                ManagePeople,
                HandOver,
                ReadKeys,
                ManageKeys,
                ReadWebhooks,
                ManageWebhooks,
                ReadSubscriptions,
                AssignSeats,
                ReadInvoices,
                Buy,
                ReadData,
                WriteData,
                ReadCalculations,
                Calculate,
                Compute,
                AskAudit,
            ],
            Self::Manager => &[
                OwnAccount,
                ReadOrganisation,
                ReadJournal,
                ReadPeople,
                ManagePeople,
                ReadKeys,
                ManageKeys,
                ReadWebhooks,
                ManageWebhooks,
                ReadSubscriptions,
                AssignSeats,
                ReadData,
                WriteData,
                ReadCalculations,
                Calculate,
                Compute,
            ],
            Self::Member => &[
                OwnAccount,
                ReadOrganisation,
                ReadPeople,
                ReadData,
                WriteData,
                ReadCalculations,
                Calculate,
                Compute,
            ],
            Self::ReadOnly => &[OwnAccount, ReadOrganisation, ReadPeople, ReadData, ReadCalculations],
            Self::Billing => {
                &[OwnAccount, ReadOrganisation, ReadPeople, ReadSubscriptions, ReadInvoices, Buy]
            }
            Self::Support => &[OwnAccount, ReadOrganisation, ReadDesk, ReadAudience],
            Self::Dpo => &[OwnAccount, ReadOrganisation, ReadDesk, ReadAudience, ReadPolicy, KeepPolicy],
            Self::Accounting => &[OwnAccount, ReadOrganisation, ReadAudience],
            Self::Operator => &[OwnAccount, ReadOrganisation, ReadGateway, ReadDesk, ReadAudience],
            Self::Auditor => &[OwnAccount, ReadOrganisation, ReadGateway, ReadAudience, ReadPolicy],
        }
    }

    /// Whether whoever has it may give the other to somebody, or take it away: nobody gives more than they have.
    pub fn gives(self, other: Self) -> bool {
        let has = |action: &Action| self.actions().contains(action);
        has(&ManagePeople) && !other.is_staff() && other.actions().iter().all(has)
    }

    /// What it may give.
    pub fn given(self) -> impl Iterator<Item = Self> {
        Self::CLIENTS.into_iter().filter(move |other| self.gives(*other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_access_control_nobody_gives_more_than_they_have() {
        let given = |role: Role| role.given().map(Role::name).collect::<Vec<_>>();
        assert_eq!(given(Role::Owner), ["owner", "manager", "member", "read-only", "billing"]);
        assert_eq!(given(Role::Manager), ["manager", "member", "read-only"]);
        for role in [Role::Member, Role::ReadOnly, Role::Billing, Role::Support, Role::Operator] {
            assert_eq!(given(role), Vec::<&str>::new(), "{role:?}");
        }
    }

    #[test]
    fn a_role_is_written_by_its_word() {
        for role in Role::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), role.name());
        }
    }
}
