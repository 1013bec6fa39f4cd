//! What time brings to the embedded side: pages close, subscriptions are renewed, charged again when a card refuses,
//! and come to their end; and the changes that are counted to the second.

use jiff::{SignedDuration, Timestamp};

use super::ledger::{Bill, Card, Held, Ledger, Overdue, rebate, refused, unknown};
use crate::payments::{
    Change, End, InvoiceLine, InvoiceState, PaymentsError, Preview, Standing, Subscription, Usage,
};

/// After a refusal it is charged again so many days later, each from the one before; then it is given up.
const AGAIN: [i64; 3] = [3, 5, 7];
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Renewals carried out at once, however far the clock has moved.
const MOST: usize = 10_000;

impl Ledger {
    /// Whether time has brought something that was not carried out.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.subscriptions.values().filter_map(next).any(|at| at <= now)
            || self.sessions.values().any(|session| session.is_open() && session.expires <= now)
    }

    /// Carries out what is due, in the order of time.
    pub(super) fn advance(&mut self, now: Timestamp) -> Result<(), PaymentsError> {
        for _ in 0..MOST {
            let due = self.subscriptions.values().filter_map(|held| Some((next(held)?, &held.object.id)));
            let Some((at, id)) = due.min().filter(|(at, _)| *at <= now) else { break };
            let id = id.clone();
            self.step(&id, at)?;
        }
        let closing =
            self.sessions.values().filter(|session| session.is_open() && session.expires <= now).cloned();
        for mut session in closing.collect::<Vec<_>>() {
            session.state = "expired".into();
            self.tell_session("expired", &session, session.expires)?;
            self.sessions.insert(session.id.clone(), session);
        }
        Ok(())
    }

    /// What comes next to a subscription.
    fn step(&mut self, id: &str, at: Timestamp) -> Result<(), PaymentsError> {
        let Some(mut held) = self.subscriptions.get(id).cloned() else { return Ok(()) };
        if let Some(overdue) = held.overdue.clone().filter(|overdue| overdue.next <= at) {
            self.try_again(&mut held, overdue, at)?;
        } else if held.object.cancel_at_period_end {
            self.finish(&mut held, at)?;
        } else {
            self.renew(&mut held, at)?;
        }
        self.subscriptions.insert(id.to_owned(), held);
        Ok(())
    }

    fn renew(&mut self, held: &mut Held, at: Timestamp) -> Result<(), PaymentsError> {
        let began = held.object.created;
        held.periods += 1;
        held.object.period_start = at;
        held.object.period_end = held.period.after(began, held.periods).unwrap_or(Timestamp::MAX);
        let gross = held.object.unit_cents * i64::from(held.object.quantity);
        let mut lines =
            vec![InvoiceLine { text: held.name.clone(), quantity: held.object.quantity, net_cents: gross }];
        let off = held.promotion.as_ref().map_or(0, |promotion| promotion.off.of(gross));
        lines.extend(rebate(held.promotion.as_ref(), off));
        lines.extend(self.pending.remove(&held.object.id).unwrap_or_default());
        self.charge(held, lines, at)
    }

    /// Issues an invoice and charges it; one that the card refuses is tried again.
    fn charge(
        &mut self,
        held: &mut Held,
        lines: Vec<InvoiceLine>,
        at: Timestamp,
    ) -> Result<(), PaymentsError> {
        let customer = held.object.customer.clone();
        let bill = Bill { customer: &customer, subscription: Some(&held.object.id), tax: held.tax };
        let mut invoice = self.issue(&bill, lines, &held.object.currency, at)?;
        if invoice.total_cents <= 0 {
            self.paid(&mut invoice, None, at)?;
        } else if self.card(&customer) == Card::Pays {
            self.pay(&mut invoice, at)?;
        } else {
            held.object.standing = Standing::PastDue;
            let next = later(at, AGAIN[0]);
            held.overdue = Some(Overdue { invoice: invoice.id.clone(), tries: 1, next });
            self.tell_invoice("payment_failed", &invoice, at)?;
        }
        Ok(self.tell_subscription("updated", &held.object, at)?)
    }

    fn try_again(&mut self, held: &mut Held, overdue: Overdue, at: Timestamp) -> Result<(), PaymentsError> {
        let found = self.invoices.iter().find(|invoice| invoice.id == overdue.invoice).cloned();
        let Some(mut invoice) = found else { return Err(unknown(&overdue.invoice)) };
        if self.card(&held.object.customer) == Card::Pays {
            self.pay(&mut invoice, at)?;
            held.overdue = None;
            held.object.standing = Standing::Active;
            return Ok(self.tell_subscription("updated", &held.object, at)?);
        }
        self.tell_invoice("payment_failed", &invoice, at)?;
        match usize::try_from(overdue.tries).ok().and_then(|tries| AGAIN.get(tries)) {
            Some(days) => {
                held.overdue = Some(Overdue { tries: overdue.tries + 1, next: later(at, *days), ..overdue });
                Ok(())
            }
            None => {
                invoice.state = InvoiceState::Uncollectible;
                self.replace(&invoice);
                self.finish(held, at)
            }
        }
    }

    /// The end; what was used and not billed is billed.
    fn finish(&mut self, held: &mut Held, at: Timestamp) -> Result<(), PaymentsError> {
        held.object.standing = Standing::Canceled;
        held.object.ended = Some(at);
        held.overdue = None;
        self.tell_subscription("deleted", &held.object, at)?;
        match self.pending.remove(&held.object.id) {
            Some(lines) => self.last_bill(held, lines, at),
            None => Ok(()),
        }
    }

    fn last_bill(
        &mut self,
        held: &Held,
        lines: Vec<InvoiceLine>,
        at: Timestamp,
    ) -> Result<(), PaymentsError> {
        let customer = &held.object.customer;
        let bill = Bill { customer, subscription: Some(&held.object.id), tax: held.tax };
        let mut invoice = self.issue(&bill, lines, &held.object.currency, at)?;
        if self.card(customer) == Card::Pays && invoice.total_cents > 0 {
            self.pay(&mut invoice, at)?;
        }
        Ok(())
    }

    /// Ends a subscription, or keeps it from ending.
    pub(super) fn end(&mut self, id: &str, end: End, now: Timestamp) -> Result<(), PaymentsError> {
        self.advance(now)?;
        let mut held = self.alive(id)?;
        match end {
            End::Now => self.finish(&mut held, now)?,
            End::WithPeriod | End::Never => {
                held.object.cancel_at_period_end = end == End::WithPeriod;
                self.tell_subscription("updated", &held.object, now)?;
            }
        }
        self.subscriptions.insert(id.to_owned(), held);
        Ok(())
    }

    /// What a change costs.
    pub(super) fn preview(&self, change: &Change) -> Result<Preview, PaymentsError> {
        let held = self.alive(&change.subscription)?;
        let old = held.object.unit_cents * i64::from(held.object.quantity);
        let new = i64::from(change.unit_cents) * i64::from(change.quantity);
        let left = |cents: i64| left_of(&held.object, cents, change.at);
        let lines = vec![
            InvoiceLine { text: held.name.clone(), quantity: held.object.quantity, net_cents: -left(old) },
            InvoiceLine { text: change.name.clone(), quantity: change.quantity, net_cents: left(new) },
        ];
        let net_cents = lines.iter().map(|line| line.net_cents).sum();
        let tax_cents = held.tax.on(net_cents);
        Ok(Preview { lines, net_cents, tax_cents, total_cents: net_cents + tax_cents })
    }

    /// Changes a subscription: what is due is charged now, what is credited goes on the next invoice.
    pub(super) fn change(&mut self, change: &Change, now: Timestamp) -> Result<(), PaymentsError> {
        self.advance(now)?;
        let preview = self.preview(change)?;
        let mut held = self.alive(&change.subscription)?;
        if held.object.standing != Standing::Active {
            return Err(refused(400, "the subscription is not in order"));
        }
        if preview.total_cents > 0 && self.card(&held.object.customer) != Card::Pays {
            return Err(refused(402, "the card was refused"));
        }
        held.object.unit_cents = change.unit_cents.into();
        held.object.quantity = change.quantity;
        held.object.offer = Some(change.offer.clone());
        held.name.clone_from(&change.name);
        if preview.net_cents > 0 {
            self.charge(&mut held, preview.lines, now)?;
        } else {
            self.pending.entry(held.object.id.clone()).or_default().extend(preview.lines);
            self.tell_subscription("updated", &held.object, now)?;
        }
        self.subscriptions.insert(change.subscription.clone(), held);
        Ok(())
    }

    /// Puts what was used on the next invoice; on one of its own when there will be none.
    pub(super) fn bill(&mut self, usage: &Usage, now: Timestamp) -> Result<(), PaymentsError> {
        let held = self.subscriptions.get(&usage.subscription).cloned();
        let held = held.ok_or_else(|| unknown(&usage.subscription))?;
        let line = InvoiceLine {
            text: usage.text.clone(),
            quantity: usage.quantity,
            net_cents: i64::from(usage.unit_cents) * i64::from(usage.quantity),
        };
        if held.object.standing == Standing::Canceled {
            return self.last_bill(&held, vec![line], now);
        }
        self.pending.entry(usage.subscription.clone()).or_default().push(line);
        Ok(())
    }

    /// Another card; what is overdue is due now.
    pub(super) fn use_card(
        &mut self,
        customer: &str,
        card: Card,
        now: Timestamp,
    ) -> Result<(), PaymentsError> {
        self.customers.get_mut(customer).ok_or_else(|| unknown(customer))?.card = card;
        let theirs = self.subscriptions.values_mut().filter(|held| held.object.customer == customer);
        for overdue in theirs.filter_map(|held| held.overdue.as_mut()).filter(|_| card == Card::Pays) {
            overdue.next = now;
        }
        Ok(())
    }

    fn alive(&self, id: &str) -> Result<Held, PaymentsError> {
        let held = self.subscriptions.get(id).ok_or_else(|| unknown(id))?;
        match held.object.standing {
            Standing::Canceled => Err(refused(404, "the subscription is over")),
            _ => Ok(held.clone()),
        }
    }

    fn card(&self, customer: &str) -> Card {
        self.customers.get(customer).map(|customer| customer.card).unwrap_or_default()
    }
}

/// When something comes next to a subscription; never to one that is over.
fn next(held: &Held) -> Option<Timestamp> {
    if held.object.standing == Standing::Canceled {
        return None;
    }
    let again = held.overdue.as_ref().map(|overdue| overdue.next);
    Some(again.map_or(held.object.period_end, |again| again.min(held.object.period_end)))
}

/// What is left of an amount for a period from an instant on, to the nearest cent.
fn left_of(subscription: &Subscription, cents: i64, at: Timestamp) -> i64 {
    let seconds = |from: Timestamp, to: Timestamp| i128::from(to.duration_since(from).as_secs().max(0));
    let whole = seconds(subscription.period_start, subscription.period_end).max(1);
    let left = seconds(at, subscription.period_end).min(whole);
    i64::try_from((i128::from(cents) * left * 2 + whole) / (whole * 2)).unwrap_or(i64::MAX)
}

fn later(at: Timestamp, days: i64) -> Timestamp {
    let wait = DAY.checked_mul(i32::try_from(days).unwrap_or(i32::MAX));
    wait.and_then(|wait| at.checked_add(wait).ok()).unwrap_or(Timestamp::MAX)
}
