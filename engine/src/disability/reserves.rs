//! Reserves of a portfolio of claims, the movement from one valuation to the next, and the best estimate. Not single
//! claims.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::claims::{Basis, Paid};
use super::read::{self, CLAIM, Claim, MOST_CLAIMS, State, Tables};
use crate::field::{Field, Kind, names};
use crate::numeric::Sum;
use crate::outcome::Working;
use crate::rates;
use crate::reader::Reader;
use crate::reserving::{self, Selection};

/// The valuation before, and what happened since.
pub(super) const OPENING: &[Field] = &[
    Field::list("claims", &Kind::Object(CLAIM), 0, MOST_CLAIMS).required().bulk(),
    Field::date("valuation_date"),
    Field::number("payments", 0.0, 1e12).required().unit("euro"),
    Field::number("years", 0.01, 10.0).or(1.0).unit("year"),
];
/// Claims not declared yet, by the triangle of `provisionnement`.
pub(super) const IBNR: &[Field] = &[
    reserving::INPUT[0],
    reserving::INPUT[1],
    reserving::INPUT[2],
    reserving::INPUT[3],
    reserving::INPUT[4],
    reserving::INPUT[5],
    Field::integer("last_diagonals", 1, 400),
];
pub(super) const PAID: [(&str, Paid); 3] =
    [("due", Paid::Due), ("middle", Paid::Middle), ("immediate", Paid::Immediate)];
pub(super) const PAID_NAMES: [&str; 3] = names(&PAID);

/// Reserves of one claim.
#[derive(Clone, Copy, Default)]
struct Reserve {
    incapacity: f64,
    passage: f64,
    disability: f64,
}

impl Reserve {
    fn total(self) -> f64 {
        self.incapacity + self.passage + self.disability
    }
}

/// Answers `work = reserves`.
pub(super) fn answer(reader: &Reader<'_>) -> Option<(Value, Vec<Working>)> {
    let call = reader.call();
    let discount = rates::read(reader, "rate");
    let revaluation = reader.number("revaluation");
    let paid = reader.choice("paid", &PAID);
    let tables = read::tables(reader);
    let valuation =
        if reader.value("valuation_date").is_some() { reader.date("valuation_date") } else { None };
    reader.required("claims");
    let claims = read::claims(reader, valuation);
    let end_age = reader.number("end_age");
    let expenses = reader.number("expenses");
    let basis = Basis { discount: discount?, revaluation: revaluation?, paid: paid? };
    let (tables, claims, expenses) = (tables?, claims?, expenses?);
    let reserves = value(&claims, &tables, &basis, end_age)?;
    let [mut incapacity, mut passage, mut disability] = [Sum::default(); 3];
    for reserve in &reserves {
        incapacity.add(reserve.incapacity);
        passage.add(reserve.passage);
        disability.add(reserve.disability);
    }
    let (incapacity, passage, disability) = (incapacity.value(), passage.value(), disability.value());
    let known = incapacity + passage + disability;
    let ibnr = if reader.value("ibnr").is_some() { ibnr(&reader.object("ibnr")?)? } else { 0.0 };
    let mut results = json!({
        "total": { "incapacity": incapacity, "passage": passage, "disability": disability, "reserve": known },
        "best_estimate": {
            "known_claims": known, "ibnr": ibnr, "expenses": expenses * (known + ibnr),
            "total": (1.0 + expenses) * (known + ibnr),
        },
    });
    if reader.flag("details") {
        let line = |(claim, reserve): (&Claim<'_>, &Reserve)| {
            json!({
                "id": claim.id, "incapacity": reserve.incapacity, "passage": reserve.passage,
                "disability": reserve.disability, "reserve": reserve.total(),
            })
        };
        results["claims"] = claims.iter().zip(&reserves).map(line).collect();
    }
    if reader.value("opening").is_some() {
        let opening = reader.object("opening")?;
        results["movement"] = movement(&opening, &claims, &reserves, &tables, &basis, end_age)?;
    }
    let explanation = match claims.first() {
        Some(claim) if call.explain() => explain(claim, &tables, &basis),
        _ => Vec::new(),
    };
    Some((results, explanation))
}

fn value(claims: &[Claim<'_>], tables: &Tables, basis: &Basis, end_age: Option<f64>) -> Option<Vec<Reserve>> {
    let mut reserves = Vec::with_capacity(claims.len());
    let mut told = 0;
    for (index, claim) in claims.iter().enumerate() {
        if index % 256 == 0 {
            claim.reader.call().watch().at(index, claims.len())?;
        }
        match one(claim, tables, basis, end_age) {
            Some(reserve) => reserves.push(reserve),
            // The faults of the first thousand claims are enough to mend a file by.
            None if told < 1000 => told += 1,
            None => break,
        }
    }
    claims.first().map_or(Some(()), |claim| claim.reader.call().sound())?;
    Some(reserves)
}

fn one(claim: &Claim<'_>, tables: &Tables, basis: &Basis, end_age: Option<f64>) -> Option<Reserve> {
    let reader = &claim.reader;
    let age_key = if reader.value("entry_age").is_some() { "entry_age" } else { "birth_date" };
    let end = claim.end_age.or(end_age);
    let disability = |age: u32, duration: f64| -> Option<f64> {
        let Some(table) = tables.disability.get(&claim.category) else {
            let known: Vec<&str> = tables.disability.keys().map(String::as_str).collect();
            let parameters = [("found", claim.category.clone()), ("known", known.join(", "))];
            reader.fault("category", "unknown_value", &parameters);
            return None;
        };
        let Some(end) = end else {
            reader.required("end_age");
            return None;
        };
        let row = table.row_or_tell(age, reader, age_key)?;
        Some(basis.disability(row, duration, end - f64::from(age) - duration))
    };
    if claim.state == State::Disability {
        let unit = disability(claim.entry_age, claim.duration)?;
        return Some(Reserve { disability: claim.benefit * unit, ..Reserve::default() });
    }
    let Some(table) = &tables.incapacity else {
        reader.fault("state", "no_table", &[("name", "incapacity".to_owned())]);
        return None;
    };
    let row = table.row_or_tell(claim.entry_age, reader, age_key)?;
    let duration = claim.duration as usize;
    if duration >= row.len() {
        let parameters = [
            ("found", duration.to_string()),
            ("minimum", "0".to_owned()),
            ("maximum", (row.len() - 1).to_string()),
        ];
        let key = if reader.value("duration").is_some() { "duration" } else { "entry_date" };
        reader.fault(key, "out_of_range", &parameters);
        return None;
    }
    let incapacity = claim.benefit * basis.incapacity(row, duration, claim.waiting);
    let passage = match &tables.passage {
        Some(passage) if claim.disability_benefit > 0.0 => {
            let passages = passage.row_or_tell(claim.entry_age, reader, age_key)?;
            let reserve =
                basis.passage(row, passages, claim.entry_age, duration, |age| disability(age, 0.0))?;
            claim.disability_benefit * reserve
        }
        _ => 0.0,
    };
    Some(Reserve { incapacity, passage, disability: 0.0 })
}

/// From the reserve before to that of now: interest, payments, claims come and gone, and what experience made of the rest.
fn movement(
    opening: &Reader<'_>,
    claims: &[Claim<'_>],
    reserves: &[Reserve],
    tables: &Tables,
    basis: &Basis,
    end_age: Option<f64>,
) -> Option<Value> {
    let date = if opening.value("valuation_date").is_some() { opening.date("valuation_date") } else { None };
    let before = read::claims(opening, date)?;
    let at_opening = value(&before, tables, basis, end_age)?;
    let (payments, years) = (opening.number("payments")?, opening.number("years")?);
    let total = |reserves: &mut dyn Iterator<Item = f64>| {
        let mut sum = Sum::default();
        reserves.for_each(|reserve| sum.add(reserve));
        sum.value()
    };
    let known: BTreeSet<&str> = before.iter().map(|claim| claim.id.as_str()).collect();
    let left: BTreeSet<&str> = claims.iter().map(|claim| claim.id.as_str()).collect();
    let first = total(&mut at_opening.iter().map(|reserve| reserve.total()));
    let last = total(&mut reserves.iter().map(|reserve| reserve.total()));
    let new = total(
        &mut claims
            .iter()
            .zip(reserves)
            .filter(|(claim, _)| !known.contains(claim.id.as_str()))
            .map(|pair| pair.1.total()),
    );
    let gone = total(
        &mut before
            .iter()
            .zip(&at_opening)
            .filter(|(claim, _)| !left.contains(claim.id.as_str()))
            .map(|pair| pair.1.total()),
    );
    // Payments are spread over the period: half of its interest on them.
    let interest = (first - payments / 2.0) * (1.0 / basis.discount.factor(years) - 1.0);
    Some(json!({
        "opening": first, "interest": interest, "payments": -payments, "new_claims": new,
        "experience": last - new - (first + interest - payments), "closing": last,
        "opening_reserve_of_closed_claims": gone,
    }))
}

fn ibnr(reader: &Reader<'_>) -> Option<f64> {
    let triangle = reserving::read_triangle(reader)?;
    let selection = Selection { last_diagonals: reader.count("last_diagonals"), ..Selection::default() };
    let development = selection.develop(&triangle);
    reserving::check_factors(reader, "triangle", &development)?;
    let ultimates = reserving::ultimates(&triangle, &development.factors);
    let mut sum = Sum::default();
    ultimates.iter().zip(triangle.latest()).for_each(|(ultimate, latest)| sum.add(ultimate - latest));
    Some(sum.value())
}

/// The first claim of incapacity, month by month.
fn explain(claim: &Claim<'_>, tables: &Tables, basis: &Basis) -> Vec<Working> {
    let row = tables.incapacity.as_ref().and_then(|table| table.row(claim.entry_age));
    let Some(row) = row.filter(|_| claim.state == State::Incapacity) else { return Vec::new() };
    let formula = r"\sum_j v^{j/12}\,\frac{l(a,k+j)}{l(a,k)}\,b";
    let mut working = Working::new("incapacity", formula, &["j", "l(a,k+j)", "v^{j/12}", "b"]);
    let duration = claim.duration as usize;
    for (month, there) in row.iter().enumerate().skip(duration.max(claim.waiting)) {
        let time = (month - duration) as f64 / 12.0;
        working.row(&[(month - duration) as f64, *there, basis.discount.factor(time), claim.benefit]);
    }
    vec![working]
}
