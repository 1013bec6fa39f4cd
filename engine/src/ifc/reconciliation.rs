//! From one valuation to the next: what the year added, what assumptions changed, what experience showed. Not entries.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::assumed::{self, ByCategory, Sources};
use super::plan::Shift;
use super::request::{Valued, payments, rate_of_year, since};
use super::staff::Staff;
use super::{Plan, Scale};
use crate::numeric::sum;
use crate::reader::Reader;

/// The movement of the obligation, in euros: the parts add up to the closing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reconciliation {
    pub(super) opening: f64,
    pub(super) service_cost: f64,
    pub(super) interest_cost: f64,
    pub(super) payments: f64,
    pub(super) plan_changes: f64,
    pub(super) demographic: f64,
    pub(super) financial: f64,
    pub(super) experience: f64,
    pub(super) entries: f64,
    pub(super) exits: f64,
    pub(super) closing: f64,
}

impl Reconciliation {
    pub(super) fn actuarial(&self) -> f64 {
        self.demographic + self.financial + self.experience
    }

    pub(super) fn told(&self) -> Value {
        json!({
            "opening": self.opening,
            "service_cost": self.service_cost,
            "interest_cost": self.interest_cost,
            "payments": -self.payments,
            "plan_changes": self.plan_changes,
            "actuarial": {
                "demographic": self.demographic,
                "financial": self.financial,
                "experience": self.experience,
                "total": self.actuarial(),
            },
            "entries": self.entries,
            "exits": self.exits,
            "closing": self.closing,
        })
    }
}

/// Revalues the closing staff step by step: the opening's scale and assumptions, then the closing's scale, then its
/// demographic assumptions, then its financial ones. Who came counts for his closing obligation, who left for his
/// opening one; the service and interest cost of the opening are pro rata of the years between.
pub(super) fn reconcile(
    opening: &Valued<'_>,
    closing: &Valued<'_>,
    payments_made: f64,
    reader: &Reader<'_>,
) -> Option<Reconciliation> {
    let watch = reader.call().watch();
    if opening.date >= closing.date {
        let parameters = [("found", opening.date.to_string()), ("limit", closing.date.to_string())];
        reader.call().faults().push("/opening/valuation_date", "date_order", &parameters);
        return None;
    }
    let years = since(opening.date, closing.date);
    let before = opening.plan("/opening")?;
    let first = before.each(&opening.staff, watch)?;
    let total = sum(first.iter().map(|one| one.dbo));
    let service_cost = sum(first.iter().map(|one| one.service_cost));
    let coming = payments(&first).1;
    let interest = rate_of_year(&before.discount) * (total + service_cost - coming / 2.0);
    let index: BTreeMap<&str, usize> =
        opening.ids.iter().enumerate().map(|(index, id)| (id, index)).collect();
    let (stayers, entrants): (Vec<usize>, Vec<usize>) =
        (0..closing.ids.len()).partition(|position| index.contains_key(closing.ids.at(*position)));
    let kept: BTreeSet<&str> = stayers.iter().map(|position| closing.ids.at(*position)).collect();
    let left = opening.ids.iter().zip(&first).filter(|(id, _)| !kept.contains(id));
    let exits = -sum(left.map(|(_, one)| one.dbo));
    let staying = closing.staff.subset(&stayers);
    let coming_in = closing.staff.subset(&entrants);
    check_categories(&staying, opening, reader)?;
    let plan =
        |staff: &Staff, demographic: &Valued<'_>, financial: &Valued<'_>, scales: &ByCategory<Scale>| {
            let sources =
                Sources { demographic: &demographic.assumed, financial: &financial.assumed, scales };
            let plan: Plan<'_> = assumed::plan(staff, closing.date, &sources, "/employees")?;
            Some(plan.total(staff, Shift::default(), watch)?.dbo)
        };
    let same = plan(&staying, opening, opening, &opening.scales)?;
    let scaled = plan(&staying, opening, opening, &closing.scales)?;
    let aged = plan(&staying, closing, opening, &closing.scales)?;
    let priced = plan(&staying, closing, closing, &closing.scales)?;
    let entries = plan(&coming_in, closing, closing, &closing.scales)?;
    let (service_cost, interest_cost) = (service_cost * years.min(1.0), interest * years);
    Some(Reconciliation {
        opening: total,
        service_cost,
        interest_cost,
        payments: payments_made,
        plan_changes: scaled - same,
        demographic: aged - scaled,
        financial: priced - aged,
        experience: same - (total + service_cost + interest_cost - payments_made + exits),
        entries,
        exits,
        closing: priced + entries,
    })
}

/// The opening's assumptions by category must know the categories of who stayed.
fn check_categories(staying: &Staff, opening: &Valued<'_>, reader: &Reader<'_>) -> Option<()> {
    let assumed = &opening.assumed;
    let known =
        [assumed.growth.known(), assumed.turnover.known(), assumed.charges.known(), opening.scales.known()];
    let used: BTreeSet<usize> = (0..staying.len()).map(|index| staying.at(index).category).collect();
    for (_, category) in staying.categories.iter().enumerate().filter(|(index, _)| used.contains(index)) {
        for known in known.iter().flatten().filter(|known| !known.contains(&category.as_str())) {
            let codes = ("unknown_value", "unknown_value_near");
            crate::reader::unknown(reader.call(), "/opening/assumptions", category, known, codes);
        }
    }
    reader.call().sound()
}
