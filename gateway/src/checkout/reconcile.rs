//! `aops admin orders reconcile`: what the payment processor keeps beside what we keep. What can be mended is, where
//! it is asked for: an order whose event was lost, a client who was not fetched. The rest is told to people.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::order::{Order, OrderState, Plan};
use super::subscription::Subscription;
use super::{ORDERS, PLANS, SUBSCRIPTIONS, documents, invoices, sync, webhook};
use crate::app::App;
use crate::payments::{Books, Embedded, InvoiceState, PaymentsError};
use crate::records;
use crate::store::{Address, Batch};
use crate::web::WebError;

/// Something that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The order, subscription, invoice or customer.
    pub object: String,
    /// What differs, in words.
    pub what: String,
    /// Whether it was mended.
    pub mended: bool,
}

/// Compares everything, and mends what it may.
///
/// # Errors
/// [`WebError::Unavailable`] when the processor or the store does not answer: what was compared until then is lost.
pub async fn reconcile(app: &App, mend: bool) -> Result<Vec<Difference>, WebError> {
    if app.payments.embedded().is_some_and(Embedded::is_nobody) {
        return Err(WebError::Unavailable("no payment processor is configured: STRIPE_SECRET_KEY".into()));
    }
    let mut found = Vec::new();
    let mut customers: BTreeMap<String, String> = BTreeMap::new();
    for order in super::orders(app).await? {
        let after = pages(app, &order, mend, &mut found).await?;
        if let Some(customer) = after.paid.customer {
            customers.insert(customer, after.organisation);
        }
    }
    let mut numbers = BTreeSet::new();
    for (customer, organisation) in customers {
        let books = app.payments.books(&customer).await.map_err(told)?;
        numbers.extend(books.invoices.iter().filter_map(|invoice| invoice.number.clone()));
        let before = found.len();
        compare(app, &organisation, &books, &mut found).await?;
        if mend && found.len() > before {
            sync::sync(app, &organisation, &customer).await?;
            let mut again = Vec::new();
            let books = app.payments.books(&customer).await.map_err(told)?;
            compare(app, &organisation, &books, &mut again).await?;
            for difference in &mut found[before..] {
                difference.mended = !again.contains(difference);
            }
        }
    }
    found.extend(holes(&numbers).into_iter().map(|number| Difference {
        object: number,
        what: "no invoice of our clients bears this number: numbers must follow each other (CGI annexe II art. 242 nonies A)".into(),
        mended: false,
    }));
    Ok(found)
}

fn told(error: PaymentsError) -> WebError {
    WebError::Unavailable(error.to_string())
}

/// An order beside its payment page; answers it as it is then.
async fn pages(app: &App, order: &Order, mend: bool, found: &mut Vec<Difference>) -> Result<Order, WebError> {
    let Some(session) = &order.session else { return Ok(order.clone()) };
    let Some(page) = app.payments.session(session).await.map_err(told)? else {
        // Pages are kept for good; one of another account or mode is not ours to judge.
        if order.state == OrderState::Paid {
            found
                .push(difference(&order.id, "it is paid here, and the processor knows no such payment page"));
        }
        return Ok(order.clone());
    };
    let Some(state) = order.settled_by(&page) else {
        if order.state == OrderState::Mismatch {
            found.push(difference(
                &order.id,
                "what was paid is not what was asked: give it back, or agree with the client",
            ));
        }
        return Ok(order.clone());
    };
    let what = match state {
        OrderState::Mismatch => "it was paid by another amount, currency or customer than was asked",
        _ => "it is paid at the processor, and not here",
    };
    let mut difference = difference(&order.id, what);
    let address = Address::new(ORDERS, &order.organisation, &order.id);
    if mend && let Some((stored, version)) = records::read_plain::<Order>(app, &address).await? {
        let mut batch = Batch::new(&order.organisation);
        webhook::carry_out(app, &mut batch, stored, version, state, &page).await?;
        if let Some(customer) = &page.customer {
            sync::mark(&mut batch, customer)?;
        }
        app.store.commit(batch).await?;
        app.outbox.wake();
        difference.mended = state == OrderState::Paid;
    }
    found.push(difference);
    let stored = records::read_plain::<Order>(app, &address).await?;
    Ok(stored.map_or_else(|| order.clone(), |(order, _)| order))
}

/// A client's books beside what we keep of them.
async fn compare(
    app: &App,
    organisation: &str,
    books: &Books,
    found: &mut Vec<Difference>,
) -> Result<(), WebError> {
    let kept: Vec<Subscription> = documents(app, SUBSCRIPTIONS, Some(organisation)).await?;
    let closed = sync::is_closed(app, organisation).await?;
    for object in &books.subscriptions {
        let Some(held) = kept.iter().find(|held| held.id == object.id) else {
            found.push(difference(&object.id, "the processor has a subscription that is not kept here"));
            continue;
        };
        let same = held.standing == object.standing
            && held.quantity == object.quantity
            && held.unit_cents == object.unit_cents
            && held.period_end == object.period_end
            && held.cancel_at_period_end == object.cancel_at_period_end;
        if !same {
            found.push(difference(&object.id, "the subscription stands otherwise at the processor"));
        }
        let plan = records::read_plain::<Plan>(app, &Address::new(PLANS, organisation, &held.order)).await?;
        if closed {
            if plan.is_some() || held.is_alive() {
                found.push(difference(&object.id, "its organisation is no more, and it goes on"));
            }
            continue;
        }
        if plan.is_none_or(|(plan, _)| plan.until != Some(held.access_until())) {
            found.push(difference(&object.id, "the access that is open is not that of the subscription"));
        }
    }
    for held in kept.iter().filter(|held| !books.subscriptions.iter().any(|one| one.id == held.id)) {
        let theirs = books.subscriptions.first().is_none_or(|one| one.customer == held.customer);
        if theirs {
            found.push(difference(&held.id, "a subscription is kept here that the processor does not have"));
        }
    }
    let filed = invoices::of(app, organisation).await?;
    for invoice in
        books.invoices.iter().filter(|one| one.number.is_some() && one.state != InvoiceState::Draft)
    {
        match filed.iter().find(|filed| filed.id == invoice.id) {
            None => found.push(difference(&invoice.id, "the invoice is not in the archive")),
            Some(filed) if filed.total_cents != invoice.total_cents => {
                found.push(difference(&invoice.id, "the invoice in the archive has another amount"));
            }
            Some(filed) if filed.state != invoice.state => {
                found.push(difference(&invoice.id, "the invoice stands otherwise at the processor"));
            }
            Some(_) => {}
        }
    }
    for note in books.credit_notes.iter().filter(|note| !filed.iter().any(|filed| filed.id == note.id)) {
        found.push(difference(&note.id, "the credit note is not in the archive"));
    }
    Ok(())
}

/// Numbers that lack between the first and the last of a series: those that differ by the digits at their end alone.
fn holes(numbers: &BTreeSet<String>) -> Vec<String> {
    let mut series: BTreeMap<(String, usize), BTreeSet<u64>> = BTreeMap::new();
    for number in numbers {
        let digits = number.bytes().rev().take_while(u8::is_ascii_digit).count();
        let (name, end) = number.split_at(number.len() - digits);
        if let Ok(end) = end.parse() {
            series.entry((name.to_owned(), digits)).or_default().insert(end);
        }
    }
    let mut lacking = Vec::new();
    for ((name, width), ends) in series {
        let (Some(first), Some(last)) = (ends.first(), ends.last()) else { continue };
        // Past so many it is no hole but another way of numbering.
        let all = (*first..=*last).filter(|end| !ends.contains(end)).take(1_000);
        lacking.extend(all.map(|end| format!("{name}{end:0width$}")));
    }
    lacking
}

fn difference(object: &str, what: &str) -> Difference {
    Difference { object: object.to_owned(), what: what.to_owned(), mended: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_lacks_is_told() {
        let numbers = |of: &[&str]| of.iter().map(|&one| one.to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(holes(&numbers(&["A-0001", "A-0002", "B-7"])), [""; 0]);
        assert_eq!(holes(&numbers(&["A-0008", "A-0011", "B-0009"])), ["A-0009", "A-0010"]);
    }
}
