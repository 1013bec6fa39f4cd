//! By which way a copy for somebody reaches the documents of each collection. A type that is kept and has no line here
//! fails the test below: nothing can be missed by forgetting it.

use super::SHAPES;

/// A way, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// In the partition of the organisation: by whoever answers for it, or by whom it names.
    Organisation,
    /// Under the address of whoever asks.
    Address,
    /// It is of nobody who could be told.
    Nobody(&'static str),
}

use Reached::{Address, Nobody, Organisation};

const REACHED: &[(&str, Reached)] = &[
    ("accounts", Organisation),
    ("account_addresses", Nobody("a keyed hash that leads to the account, which is told")),
    ("organisations", Organisation),
    ("rosters", Organisation),
    (
        "invitations",
        Nobody("an address that a client invited, for a week: its holder has the letter, which says so"),
    ),
    ("api_key_lists", Organisation),
    ("staff_duties", Organisation),
    ("account_letters", Nobody("when an address was written to lately, by a keyed hash")),
    ("api_keys", Nobody("the hash of a secret; keys are listed where they are made")),
    ("account_devices", Organisation),
    ("passkey_owners", Nobody("a keyed hash that leads to the account, which tells its passkeys")),
    ("passkey_answers", Nobody("an answer that served, by its hash")),
    ("sessions", Nobody("the hash of a cookie; sessions are told with the devices")),
    ("session_generations", Organisation),
    ("sign_ups", Nobody("what was typed by somebody whose address nobody confirmed")),
    ("audience", Nobody("counts of a day")),
    ("audit_notes", Nobody("entered in the chain within moments")),
    ("audit_entries", Nobody("the log's own partition: each organisation reads its part")),
    ("audit_head", Nobody("the digest of the log")),
    ("audit_trail", Organisation),
    ("audit_anchors", Nobody("the digest of the log")),
    ("orders", Organisation),
    ("orders_archived", Organisation),
    ("plans", Organisation),
    ("checkout_sessions", Nobody("ids that lead to an order, which is told")),
    ("payment_events", Nobody("ids, states and amounts that orders tell")),
    ("subscriptions", Organisation),
    ("payment_dues", Nobody("that a client is to be fetched anew")),
    ("payment_customers", Nobody("an id that leads to the organisation")),
    ("usage", Organisation),
    ("seats", Organisation),
    ("billing", Organisation),
    ("invoices", Organisation),
    ("consents", Nobody("a random id that we cannot tie to anybody")),
    ("contact_threads", Address),
    ("messages", Address),
    ("contact_answers", Address),
    ("subscribers", Address),
    ("issue_sent", Address),
    ("issue_figures", Nobody("counts of an issue")),
    ("mailings", Nobody("what was sent to how many")),
    ("blobs", Nobody(CLIENTS)),
    ("blob_objects", Nobody("where in the bucket a content stands, and its checksum")),
    ("blob_leavings", Nobody("that a content is to leave the bucket")),
    ("datasets", Nobody(CLIENTS)),
    ("dataset_drafts", Nobody(CLIENTS)),
    ("uploads", Nobody(CLIENTS)),
    ("uploads_finished", Nobody("which data set a file became, for a day")),
    ("dataset_mappings", Organisation),
    ("calculations", Nobody(CLIENTS)),
    ("calculation_inputs", Nobody(CLIENTS)),
    ("calculation_outcomes", Nobody(CLIENTS)),
    ("assumptions", Organisation),
    ("turns", Nobody("how often something was written in turn, for an hour")),
    ("calculation_queue", Nobody("that a calculation waits")),
    ("calculation_chunks", Nobody("that a chunk of a calculation waits")),
    ("calculation_partials", Nobody(CLIENTS)),
    ("calculation_requests", Nobody("that a request was made once")),
    ("webhooks", Organisation),
    ("webhook_health", Organisation),
    ("webhook_deliveries", Organisation),
    ("webhook_waiting", Nobody("that a message waits, which is told with its tries")),
    ("rights_requests", Address),
    ("restrictions", Nobody("that records are not used, by ids; the request says so")),
    ("suppressions", Address),
    ("client_audits", Organisation),
    ("evidence_keys", Nobody("the key that signs evidence packs")),
    ("processor_lists", Nobody("lists of firms, and how far their letters have gone")),
    ("breaches", Nobody("how many were concerned; whom it concerns is told by letter")),
];

/// Whoever loaded them is their controller, takes them out and removes them (`p-instructions`); a person asks it.
const CLIENTS: &str = "a client's data: it answers for them, and has them in its area";
/// What carries what is told elsewhere, or nothing of anybody.
const CARRIED: [&str; 4] = ["outbox", "outbox_dead", "mail_events", "retention_proofs"];

#[test]
fn p_rights_a_copy_reaches_every_type_that_is_kept_or_a_line_says_why_not() {
    let known = |collection: &str| {
        REACHED.iter().any(|(name, _)| *name == collection) || CARRIED.contains(&collection)
    };
    let shapes = SHAPES.iter().copied().flatten();
    let forgotten: Vec<&str> =
        shapes.map(|shape| shape.collection()).filter(|collection| !known(collection)).collect();
    assert_eq!(forgotten, [""; 0], "say in {} how a copy reaches it", file!());
    for (name, reached) in REACHED {
        if let Nobody(why) = reached {
            assert!(!why.is_empty(), "{name}");
        }
    }
}
