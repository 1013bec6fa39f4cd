//! Everything personal that is kept, feature by feature: what the retention engine carries out, and what the
//! privacy page tells. Like the router, it knows the features, and nothing else of them.

use crate::retention::{self, Kept, Retention, TermError, Terms, Told};
use crate::{accounts, checkout, consent, contact, newsletter, outbox, suppression};

/// What the engine carries out.
pub static KEPT: [&'static dyn Kept; 5] =
    [&newsletter::Subscribers, &contact::Threads, &accounts::Accounts, &checkout::Orders, &checkout::Archive];

/// Every declaration, in the order of the privacy page.
const DECLARED: [&Retention; 16] = [
    &accounts::LAPSED,
    &accounts::UNCONFIRMED,
    &checkout::ORDER,
    &checkout::UNPAID,
    &checkout::ARCHIVED,
    &newsletter::CLIENT,
    &newsletter::PROSPECT,
    &newsletter::PENDING,
    &newsletter::LEFT,
    &contact::CLIENT,
    &contact::PROSPECT,
    &suppression::SUPPRESSED,
    &outbox::UNDELIVERED,
    &consent::KEPT,
    &newsletter::LETTER,
    &retention::PROOF,
];

/// The declarations as the privacy page tells them, with the terms in force.
///
/// # Errors
/// [`TermError`], when `[retention]` says what cannot be.
pub fn declared(terms: &Terms) -> Result<Vec<Told>, TermError> {
    terms.check(&DECLARED)?;
    Ok(DECLARED.iter().map(|retention| retention.told(terms)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_declaration_has_a_name_of_its_own() {
        let mut names: Vec<String> = DECLARED.iter().map(|retention| retention.name()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), DECLARED.len());
    }
}
