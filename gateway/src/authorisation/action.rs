//! What can be done, as a closed list: neither a role nor a key is given anything that does not stand here.

/// Something that somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Their own account: its safety, its data, its end.
    OwnAccount,
    /// What the organisation holds and may use.
    ReadOrganisation,
    /// The organisation's part of the audit log.
    ReadJournal,
    /// Who its people are.
    ReadPeople,
    /// Inviting people, giving them roles, removing them.
    ManagePeople,
    /// Making somebody else its owner.
    HandOver,
    /// Its keys, without their secrets.
    ReadKeys,
    /// Making, replacing and revoking keys.
    ManageKeys,
    /// Its webhooks, without their secrets, and what became of their messages.
    ReadWebhooks,
    /// Registering, changing, trying and removing webhooks.
    ManageWebhooks,
    /// What it subscribes to.
    ReadSubscriptions,
    /// Giving paid seats to people.
    AssignSeats,
    /// Its invoices.
    ReadInvoices,
    /// Ordering, changing and ending subscriptions, means of payment.
    Buy,
    /// Looking at datasets.
    ReadData,
    /// Loading and deleting datasets.
    WriteData,
    /// Looking at calculations and their reports.
    ReadCalculations,
    /// Starting, stopping and deleting calculations.
    Calculate,
    /// A calculation answered at once.
    Compute,
    /// Asking for an audit of AOPS, and withdrawing it.
    AskAudit,
    /// Staff: what the gateway does now.
    ReadGateway,
    /// Staff: messages, letters that have not left, suppressed addresses.
    ReadDesk,
    /// Staff: figures of the audience.
    ReadAudience,
    /// Staff: breaches, audits that clients ask for, processors.
    ReadPolicy,
    /// Staff: answering clients who ask for an audit, going on with a breach.
    KeepPolicy,
}

impl Action {
    /// Every action, in the order of the tables.
    pub const ALL: [Self; 25] = [
        Self::OwnAccount,
        Self::ReadOrganisation,
        Self::ReadJournal,
        Self::ReadPeople,
        Self::ManagePeople,
        Self::HandOver,
        Self::ReadKeys,
        Self::ManageKeys,
        Self::ReadWebhooks,
        Self::ManageWebhooks,
        Self::ReadSubscriptions,
        Self::AssignSeats,
        Self::ReadInvoices,
        Self::Buy,
        Self::ReadData,
        Self::WriteData,
        Self::ReadCalculations,
        Self::Calculate,
        Self::Compute,
        Self::AskAudit,
        Self::ReadGateway,
        Self::ReadDesk,
        Self::ReadAudience,
        Self::ReadPolicy,
        Self::KeepPolicy,
    ];
}
