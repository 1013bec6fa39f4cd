//! What is done with personal data, activity by activity (GDPR art. 30): which declarations of what is kept belong to
//! it, on what ground it stands, and to which processors data may go. Words are the theme's.

use crate::retention::{Ground, Retention};
use crate::{
    accounts, audit, breach, calculations, checkout, client_audit, consent, contact, datasets, newsletter,
    outbox, retention, rights, suppression, webhooks,
};

/// Whether AOPS decides what for, or a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Art. 30.1.
    Controller,
    /// Art. 30.2.
    Processor,
}

/// One activity.
#[derive(Debug, Clone, Copy)]
pub struct Activity {
    /// The key of its words.
    pub id: &'static str,
    /// Who decides.
    pub side: Side,
    /// What is kept for it.
    pub kept: &'static [&'static Retention],
    /// On what it stands.
    pub ground: Ground,
    /// Processors to whom data of it may go, by name.
    pub recipients: &'static [&'static str],
}

const HOST: &str = "DigitalOcean";
const MAIL: &str = "SendGrid";

/// The calculations of clients: where a client's own sheets are taken from.
pub const CALCULATIONS: Activity = Activity {
    id: "calculations",
    side: Side::Processor,
    kept: &[
        &datasets::KEPT,
        &datasets::DRAFT,
        &datasets::UPLOAD,
        &calculations::CALCULATION,
        &calculations::ASSUMPTIONS,
        &webhooks::DELIVERY,
    ],
    ground: Ground::Contract,
    recipients: &[HOST],
};

/// Every activity, in the order of the register.
pub const ACTIVITIES: [Activity; 10] = [
    Activity {
        id: "accounts",
        side: Side::Controller,
        kept: &[&accounts::LAPSED, &accounts::UNCONFIRMED, &accounts::INVITED, &accounts::KNOWN],
        ground: Ground::Contract,
        recipients: &[HOST, MAIL],
    },
    Activity {
        id: "orders",
        side: Side::Controller,
        kept: &[&checkout::ORDER, &checkout::UNPAID, &checkout::ARCHIVED, &checkout::FILED],
        ground: Ground::Contract,
        recipients: &[HOST, MAIL, "Stripe"],
    },
    Activity {
        id: "newsletter",
        side: Side::Controller,
        kept: &[
            &newsletter::CLIENT,
            &newsletter::PROSPECT,
            &newsletter::PENDING,
            &newsletter::LEFT,
            &newsletter::LETTER,
        ],
        ground: Ground::LegitimateInterest,
        recipients: &[HOST, MAIL],
    },
    Activity {
        id: "contact",
        side: Side::Controller,
        kept: &[&contact::CLIENT, &contact::PROSPECT],
        ground: Ground::LegitimateInterest,
        recipients: &[HOST, MAIL],
    },
    Activity {
        id: "letters",
        side: Side::Controller,
        kept: &[&outbox::UNDELIVERED, &suppression::SUPPRESSED],
        ground: Ground::LegitimateInterest,
        recipients: &[HOST, MAIL],
    },
    Activity {
        id: "audience",
        side: Side::Controller,
        kept: &[&consent::KEPT],
        ground: Ground::LegitimateInterest,
        recipients: &[HOST, "Google Analytics"],
    },
    Activity {
        id: "rights",
        side: Side::Controller,
        kept: &[&rights::HANDLED, &rights::UNPROVED, &breach::KEPT],
        ground: Ground::LegalObligation,
        recipients: &[HOST, MAIL],
    },
    Activity {
        id: "security",
        side: Side::Controller,
        kept: &[&audit::KEPT, &retention::PROOF],
        ground: Ground::LegalObligation,
        recipients: &[HOST],
    },
    Activity {
        id: "client_audits",
        side: Side::Controller,
        kept: &[&client_audit::KEPT],
        ground: Ground::Contract,
        recipients: &[HOST, MAIL],
    },
    CALCULATIONS,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::inventory;
    use crate::processors;

    /// Proves p-direct-collection, p-purposes.
    #[test]
    fn everything_that_is_kept_belongs_to_one_activity_and_every_recipient_is_declared() {
        let declared: BTreeSet<String> = inventory::names().into_iter().collect();
        let mut named = Vec::new();
        for activity in ACTIVITIES {
            named.extend(activity.kept.iter().map(|kept| kept.name()));
        }
        let once: BTreeSet<String> = named.iter().cloned().collect();
        assert_eq!(once.len(), named.len(), "what is kept belongs to one activity");
        assert_eq!(once, declared, "say in {} to which activity it belongs", file!());
        let listed =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../content/fr/sous-traitants.csv"));
        let listed = processors::declared(&listed.unwrap()).unwrap();
        let mut reached = BTreeSet::new();
        for recipient in ACTIVITIES.iter().flat_map(|activity| activity.recipients) {
            assert!(listed.iter().any(|one| one.name == *recipient), "{recipient}");
            reached.insert(*recipient);
        }
        assert_eq!(reached.len(), listed.len(), "a processor that no activity names has nothing to do");
    }
}
