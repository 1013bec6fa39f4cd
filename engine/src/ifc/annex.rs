//! What the accounts need of a valuation: the tables of the annex, and the entries of the year. Not valuation.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::plan::Obligation;
use super::reconciliation::Reconciliation;
use super::request::{Valued, mean};
use super::staff::{Sex, Staff};
use crate::numeric::sum;

/// Accounts of the plan comptable général: the provision, what feeds it and what takes from it.
const PROVISION: &str = "153";
const CHARGE: &str = "6815";
const RELEASE: &str = "7815";

/// The entries that bring the provision to the obligation: benefits paid are a charge of the year already, which the
/// provision gives back.
pub(super) fn entries(results: &Value, reconciled: Option<&Reconciliation>) -> Value {
    let line = |debit: &str, credit: &str, reason: &str, amount: f64| json!({ "debit": debit, "credit": credit, "reason": reason, "amount": amount });
    let either = |reason: &str, amount: f64| {
        if amount >= 0.0 {
            line(CHARGE, PROVISION, reason, amount)
        } else {
            line(PROVISION, RELEASE, reason, -amount)
        }
    };
    let Some(movement) = reconciled else {
        let dbo = results["dbo"].as_f64().unwrap_or(0.0);
        return json!([either("first_recognition", dbo)]);
    };
    let lines = [
        ("service_cost", movement.service_cost),
        ("interest_cost", movement.interest_cost),
        ("plan_changes", movement.plan_changes),
        ("actuarial", movement.actuarial()),
        ("entries_and_exits", movement.entries + movement.exits),
        ("payments", -movement.payments),
    ];
    lines
        .into_iter()
        .filter(|(_, amount)| *amount != 0.0)
        .map(|(reason, amount)| either(reason, amount))
        .collect()
}

/// Who is covered, when it falls due, what the assumptions weigh.
pub(super) fn tables(valued: &Valued<'_>, obligations: &[Obligation], results: &Value) -> Value {
    // Each reads every head in its order: side by side they take the time of the longer.
    let staff = &valued.staff;
    let (population, maturities) = rayon::join(|| population(staff, obligations), || maturities(obligations));
    json!({
        "population": population,
        "maturities": maturities,
        "sensitivities": weights(results),
    })
}

/// By category and sex: heads, mean age and service, payroll, obligation.
fn population(staff: &Staff, obligations: &[Obligation]) -> Value {
    let mut groups: BTreeMap<(usize, bool), Vec<usize>> = BTreeMap::new();
    for index in 0..staff.len() {
        let line = staff.at(index);
        groups.entry((line.category, line.sex == Sex::M)).or_default().push(index);
    }
    let group = |((category, man), members): (&(usize, bool), &Vec<usize>)| {
        let of =
            |field: fn(&Obligation) -> f64| mean(members.iter().map(|index| field(&obligations[*index])));
        json!({
            "category": staff.categories.get(*category),
            "sex": if *man { "M" } else { "F" },
            "employees": members.len(),
            "mean_age": of(|one| one.age),
            "mean_seniority": of(|one| one.served),
            "payroll": sum(members.iter().map(|index| staff.at(*index).annual_salary)),
            "dbo": sum(members.iter().map(|index| obligations[*index].dbo)),
        })
    };
    groups.iter().map(group).collect()
}

/// Expected payments by time to them: within a year, then to five, ten, twenty years, and beyond.
fn maturities(obligations: &[Obligation]) -> Value {
    const ENDS: [f64; 5] = [1.0, 5.0, 10.0, 20.0, f64::INFINITY];
    let mut start = -1.0;
    let bucket = |end: f64| {
        let inside: Vec<&Obligation> =
            obligations.iter().filter(|one| one.years > start && one.years <= end).collect();
        let line = json!({
            "from_years": f64::max(start, 0.0),
            "to_years": if end.is_finite() { json!(end) } else { json!("") },
            "payments": sum(inside.iter().map(|one| one.projected_benefit * one.probability)),
            "dbo": sum(inside.iter().map(|one| one.dbo)),
        });
        start = end;
        line
    };
    ENDS.into_iter().map(bucket).collect()
}

/// Each sensitivity as a change of the obligation, in euros and relative.
fn weights(results: &Value) -> Value {
    let dbo = results["dbo"].as_f64().unwrap_or(0.0);
    let lines = results["sensitivities"].as_array().map_or(&[][..], Vec::as_slice).iter();
    let line = |one: &Value| {
        let change = one["dbo"].as_f64().unwrap_or(0.0) - dbo;
        let relative = if dbo > 0.0 { change / dbo } else { 0.0 };
        json!({ "assumption": one["assumption"], "shift": one["shift"], "change": change, "relative": relative })
    };
    lines.map(line).collect()
}
