//! The request of a model of several states: its states, moves, benefits. Not their equations.

use serde_json::{Value, json};

use super::states::{Intensity, Occupied, Span, States, Transition};
use crate::field::{Field, Kind, names};
use crate::outcome::Working;
use crate::rates;
use crate::reader::{self, Reader, join, shorten, unknown};

const MOST_STATES: usize = 20;
const RATE: Kind = Kind::Number { minimum: 0.0, maximum: 1000.0 };
const STEP: &[Field] =
    &[Field::number("age", 0.0, 130.0).required().unit("year"), Field::new("rate", RATE).required()];
const MAKEHAM: &[Field] = &[
    Field::new("a", RATE).required(),
    Field::new("b", RATE).required(),
    Field::number("c", 0.5, 2.0).required(),
];
const TRANSITION: &[Field] = &[
    Field::text("from").required(),
    Field::text("to").required(),
    Field::new("rate", RATE).unit("per_year"),
    Field::list("steps", &Kind::Object(STEP), 1, 200),
    Field::object("makeham", MAKEHAM),
    Field::number("amount", 0.0, 1e12).or(0.0).unit("euro"),
];
const BENEFIT: &[Field] =
    &[Field::text("state").required(), Field::number("amount", 0.0, 1e12).required().unit("euro")];
const PROBABILITY: Kind = Kind::Number { minimum: 0.0, maximum: 1.0 };
const MATRIX: Kind = Kind::List {
    of: &Kind::List { of: &PROBABILITY, minimum: 2, maximum: MOST_STATES },
    minimum: 2,
    maximum: MOST_STATES,
};
/// A model of several states.
pub(super) const MODEL: &[Field] = &[
    Field::list("states", &Kind::Text, 2, MOST_STATES).required(),
    Field::list("transitions", &Kind::Object(TRANSITION), 0, 400),
    Field::list("matrices", &MATRIX, 1, 2000),
    Field::list("benefits", &Kind::Object(BENEFIT), 0, MOST_STATES),
    Field::text("start").required(),
    Field::number("age", 0.0, 130.0).required().unit("year"),
    Field::integer("years", 1, 130).required().unit("year"),
    Field::choice("method", &names(&METHODS)).or_name("continuous"),
];
const METHODS: [(&str, Method); 3] =
    [("continuous", Method::Continuous), ("monthly", Method::Steps(12)), ("annual", Method::Steps(1))];

#[derive(Clone, Copy, PartialEq)]
enum Method {
    Continuous,
    Steps(usize),
}

/// Answers `work = multi_state`.
pub(super) fn answer(reader: &Reader<'_>) -> Option<(Value, Vec<Working>)> {
    let call = reader.call();
    let discount = rates::read(reader, "rate");
    reader.required("model");
    let model = reader.object("model")?;
    let names = names_of(&model)?;
    let method = model.choice("method", &METHODS)?;
    let transitions = transitions(&model, &names);
    let matrices = matrices(&model, names.len());
    let start = place_of(&model, "start", &names);
    let mut benefits = vec![0.0; names.len()];
    for benefit in model.objects("benefits").unwrap_or_default().into_iter().flatten() {
        if let (Some(state), Some(amount)) = (place_of(&benefit, "state", &names), benefit.number("amount")) {
            benefits[state] += amount;
        }
    }
    let (age, years) = (model.number("age"), model.count("years"));
    let (discount, transitions, matrices) = (discount?, transitions?, matrices?);
    let span = Span { start: start?, age: age?, years: years? };
    if matrices.is_some() && method == Method::Continuous {
        model.refuse("matrices", "method = continuous");
    }
    if matrices.is_none() {
        model.required("transitions");
    }
    call.sound()?;
    let states = States { count: names.len(), transitions, benefits };
    let found = match (method, matrices) {
        (Method::Continuous, _) => match states.continuous(span, &discount) {
            Ok(found) => found,
            Err(steep) => {
                let path: Vec<String> = steep.0.iter().map(|length| format!("{length:.1e}")).collect();
                let parameters = [
                    ("name", "Runge-Kutta".to_owned()),
                    ("found", path.len().to_string()),
                    ("path", path.join(", ")),
                ];
                model.fault("transitions", "not_converged", &parameters);
                return None;
            }
        },
        (Method::Steps(a_year), Some(matrices)) => states.given(span, a_year, &discount, &matrices),
        (Method::Steps(a_year), None) => states.discrete(span, a_year, &discount),
    };
    Some(tell(&found, &names, call.explain()))
}

fn tell(found: &Occupied, names: &[String], explain: bool) -> (Value, Vec<Working>) {
    let line = |(year, state): (usize, &Vec<f64>)| {
        let mut line = json!({ "year": year });
        for (name, probability) in names.iter().zip(state) {
            line["probabilities"][name] = json!(probability);
        }
        line
    };
    let years: Vec<Value> = found.probabilities.iter().enumerate().map(line).collect();
    let results = json!({ "years": years, "present_value": found.present_value, "steps": found.steps });
    let mut explanation = Vec::new();
    if explain {
        let mut working =
            Working::new("years", r"\frac{d}{dt}p(t) = p(t)\,Q(x+t)", &["t", r"p_1(t)", r"\sum_i p_i(t)"]);
        for (year, state) in found.probabilities.iter().enumerate() {
            working.row(&[year as f64, state[0], state.iter().sum()]);
        }
        explanation.push(working);
    }
    (results, explanation)
}

fn names_of(model: &Reader<'_>) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for (index, value) in model.list("states")?.iter().enumerate() {
        let place = join(&model.place("states"), &index.to_string());
        let Some(name) = value.as_str().map(shorten) else {
            reader::wrong_type(model.call(), &place, "a text", value);
            return None;
        };
        if names.contains(&name) {
            model.call().faults().push(&place, "duplicate", &[("found", name)]);
            return None;
        }
        names.push(name);
    }
    Some(names)
}

fn place_of(reader: &Reader<'_>, key: &str, names: &[String]) -> Option<usize> {
    let found = reader.text(key)?;
    let place = names.iter().position(|name| *name == shorten(found));
    if place.is_none() {
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        unknown(reader.call(), &reader.place(key), found, &known, ("unknown_value", "unknown_value_near"));
    }
    place
}

fn transitions(model: &Reader<'_>, names: &[String]) -> Option<Vec<Transition>> {
    let mut found = Vec::new();
    let Some(_) = model.value("transitions") else { return Some(found) };
    for line in model.objects("transitions")?.into_iter().flatten() {
        let (from, to) = (place_of(&line, "from", names), place_of(&line, "to", names));
        for (one, other) in [("rate", "steps"), ("rate", "makeham"), ("steps", "makeham")] {
            line.exclude(one, other);
        }
        let intensity = if line.value("steps").is_some() {
            steps(&line)
        } else if line.value("makeham").is_some() {
            let law = line.object("makeham")?;
            let (a, b, c) = (law.number("a"), law.number("b"), law.number("c"));
            a.zip(b).zip(c).map(|((a, b), c)| Intensity::Makeham(a, b, c))
        } else {
            line.required("rate");
            line.number("rate").map(|rate| Intensity::Steps(vec![(0.0, rate)]))
        };
        let amount = line.number("amount");
        let (Some(from), Some(to), Some(intensity), Some(amount)) = (from, to, intensity, amount) else {
            continue;
        };
        if from == to {
            line.fault("to", "duplicate", &[("found", names[to].clone())]);
        }
        found.push(Transition { from, to, intensity, amount });
    }
    model.call().sound()?;
    Some(found)
}

fn steps(line: &Reader<'_>) -> Option<Intensity> {
    let mut steps: Vec<(f64, f64)> = Vec::new();
    for step in line.objects("steps")?.into_iter().flatten() {
        let (age, rate) = (step.number("age")?, step.number("rate")?);
        if let Some((before, _)) = steps.last().filter(|(before, _)| age <= *before) {
            let parameters = [("found", age.to_string()), ("limit", before.to_string())];
            step.fault("age", "not_increasing", &parameters);
        }
        steps.push((age, rate));
    }
    Some(Intensity::Steps(steps))
}

/// Square matrices whose rows sum to one; `None` inside where none is given.
fn matrices(model: &Reader<'_>, count: usize) -> Option<Option<Vec<Vec<Vec<f64>>>>> {
    let Some(_) = model.value("matrices") else { return Some(None) };
    let call = model.call();
    let mut matrices = Vec::new();
    for (index, value) in model.list("matrices")?.iter().enumerate() {
        let place = join(&model.place("matrices"), &index.to_string());
        let mut matrix = Vec::new();
        for (row, value) in reader::list(value, &place, count, count, call)?.iter().enumerate() {
            let place = join(&place, &row.to_string());
            let mut cells = Vec::new();
            for (column, value) in reader::list(value, &place, count, count, call)?.iter().enumerate() {
                cells.push(reader::number(value, &join(&place, &column.to_string()), 0.0, 1.0, call)?);
            }
            let sum: f64 = cells.iter().sum();
            if (sum - 1.0).abs() > 1e-9 {
                call.faults().push(&place, "not_one", &[("found", sum.to_string())]);
            }
            matrix.push(cells);
        }
        matrices.push(matrix);
    }
    Some(Some(matrices))
}
