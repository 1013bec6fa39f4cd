//! From one calculation to another of the same module: what each change of what was asked does to the first figure of
//! the results, one change after the other. What two changes have in common goes to the later one.

use aops_engine::{Watch, calculate_lines, calculate_watched, schema};
use aops_report::{Cell, Kind, Words, tables};
use serde_json::{Map, Value};

/// Changes past which each would mean nothing.
const MOST_CHANGES: usize = 40;
/// Members of what is asked that are lines of data.
const LINES: [&str; 3] = ["employees", "heads", "triangle"];
/// How far apart, in parts of the figure, two runs of the same may be: another processor rounds otherwise.
const SAME: f64 = 1e-9;

/// What was asked, whole.
#[derive(Debug, Clone, Default)]
pub(super) struct Run {
    /// The members, those of data among them.
    pub(super) request: Map<String, Value>,
    /// Lines of data beside them.
    pub(super) lines: Option<String>,
}

/// What made the figure change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// A newer engine.
    Engine,
    /// Other lines of data.
    Data,
    /// An assumption, by its French title.
    Assumption(String),
}

/// A change, and the figure after it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// More than one where the engine refuses the first without the next.
    pub(super) causes: Vec<Cause>,
    pub(super) figure: f64,
}

/// The way from a figure to another.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bridge {
    /// What the figure is called.
    pub(super) name: String,
    /// How it is shown.
    pub(super) kind: Kind,
    /// Where it begins.
    pub(super) from: f64,
    pub(super) steps: Vec<Step>,
}

/// The steps from a run, whose recorded outcome is `from`, to another.
///
/// Each costs one calculation. Nothing where there is no such figure, where too much changes, or where `watch` stops it.
pub(super) fn bridge(
    module: &str,
    (one, from): (&Run, &Value),
    other: &Run,
    words: &Words,
    watch: &Watch,
) -> Option<Bridge> {
    let (name, kind, from) = first_figure(module, &one.request, from, words)?;
    let changes = changes(&one.request, &other.request);
    if changes.len() > MOST_CHANGES {
        return None;
    }
    let mut now = one.clone();
    let mut figure = figure(module, &now, words, watch)?;
    let mut steps = Vec::new();
    if (figure - from).abs() > SAME * from.abs() {
        steps.push(Step { causes: vec![Cause::Engine], figure });
    }
    let mut pending = Vec::new();
    let mut take = |now: &Run, cause: Cause| {
        pending.push(cause);
        // What the engine refuses alone waits for the change that goes with it.
        if let Some(after) = self::figure(module, now, words, watch) {
            figure = after;
            steps.push(Step { causes: std::mem::take(&mut pending), figure });
        }
    };
    if data(one) != data(other) {
        now.lines.clone_from(&other.lines);
        for name in LINES {
            set(&mut now.request, &[name], other.request.get(name).cloned());
        }
        take(&now, Cause::Data);
    }
    let titles = schema(module).unwrap_or_default();
    for path in changes {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        set(&mut now.request, &path, at(&other.request, &path).cloned());
        take(&now, Cause::Assumption(title(&titles, &path)));
    }
    let whole = pending.is_empty() && !watch.is_stopped();
    whole.then_some(Bridge { name, kind, from, steps })
}

/// The first number among the results of a module.
fn first_figure(
    module: &str,
    request: &Map<String, Value>,
    outcome: &Value,
    words: &Words,
) -> Option<(String, Kind, f64)> {
    let tables = tables(module, &Value::Object(request.clone()), outcome, words);
    let rows = &tables.first()?.rows;
    rows.iter().find_map(|row| match (row.first()?, row.get(1)?) {
        (Cell::Text(name), Cell::Number(figure, kind)) => Some((name.clone(), *kind, *figure)),
        _ => None,
    })
}

fn figure(module: &str, run: &Run, words: &Words, watch: &Watch) -> Option<f64> {
    let request = Value::Object(run.request.clone());
    let outcome = match &run.lines {
        Some(lines) => calculate_lines(module, &request, lines.clone(), watch),
        None => calculate_watched(module, &request, watch),
    };
    Some(first_figure(module, &run.request, &outcome.ok()?.into_json(), words)?.2)
}

fn data(run: &Run) -> (Option<&String>, Vec<Option<&Value>>) {
    (run.lines.as_ref(), LINES.iter().map(|name| run.request.get(*name)).collect())
}

/// Where two requests differ, beside their data: members, and those of objects one level down.
fn changes(one: &Map<String, Value>, other: &Map<String, Value>) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for name in names(one, other).filter(|name| !LINES.contains(name)) {
        match (one.get(name), other.get(name)) {
            (a, b) if alike(a, b) => {}
            (Some(Value::Object(a)), Some(Value::Object(b))) => {
                let inside = names(a, b).filter(|inside| !alike(a.get(*inside), b.get(*inside)));
                found.extend(inside.map(|inside| vec![name.to_owned(), inside.to_owned()]));
            }
            _ => found.push(vec![name.to_owned()]),
        }
    }
    found
}

/// The same to the engine: a form writes 64 where a program wrote 64.0.
fn alike(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (Some(Value::Number(one)), Some(Value::Number(other))) => one.as_f64() == other.as_f64(),
        _ => one == other,
    }
}

fn names<'a>(one: &'a Map<String, Value>, other: &'a Map<String, Value>) -> impl Iterator<Item = &'a str> {
    let added = other.keys().filter(|name| !one.contains_key(*name));
    one.keys().chain(added).map(String::as_str)
}

fn at<'a>(request: &'a Map<String, Value>, path: &[&str]) -> Option<&'a Value> {
    match path {
        [name] => request.get(*name),
        [name, rest @ ..] => at(request.get(*name)?.as_object()?, rest),
        [] => None,
    }
}

fn set(request: &mut Map<String, Value>, path: &[&str], value: Option<Value>) {
    match (path, value) {
        ([name], Some(value)) => drop(request.insert((*name).to_owned(), value)),
        ([name], None) => drop(request.remove(*name)),
        ([name, rest @ ..], value) => {
            if let Some(inside) = request.get_mut(*name).and_then(Value::as_object_mut) {
                set(inside, rest, value);
            }
        }
        ([], _) => {}
    }
}

/// What the engine's schema calls a member.
fn title(schema: &Value, path: &[&str]) -> String {
    let place: String = path.iter().map(|name| format!("/properties/{name}")).collect();
    let title = schema.pointer(&place).and_then(|property| property["title"].as_str());
    title.map_or_else(|| path.join("."), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(request: Value) -> Run {
        match request {
            Value::Object(request) => Run { request, lines: None },
            _ => Run::default(),
        }
    }

    fn outcome(module: &str, run: &Run) -> Value {
        let request = Value::Object(run.request.clone());
        calculate_watched(module, &request, &Watch::default()).unwrap().into_json()
    }

    fn between(module: &str, one: &Run, other: &Run) -> Option<Bridge> {
        let words = Words::french().unwrap();
        bridge(module, (one, &outcome(module, one)), other, &words, &Watch::default())
    }

    #[test]
    fn the_steps_lead_from_the_one_figure_to_the_other_and_each_is_a_calculation() {
        let one = run(aops_engine::example("ifc").unwrap());
        let mut other = one.clone();
        other.request["assumptions"]["discount_rate"] = json!(0.04);
        other.request["assumptions"]["salary_growth"] = json!(0.03);
        other.request["employees"][0]["annual_salary"] = json!(50_000);
        let found = between("ifc", &one, &other).unwrap();
        let of = |run: &Run| outcome("ifc", run)["dbo"].as_f64().unwrap();
        assert_eq!((found.kind, found.from), (Kind::Money, of(&one)));
        let mut after = one.clone();
        let mut expected = Vec::new();
        after.request["employees"] = other.request["employees"].clone();
        expected.push(of(&after));
        for name in ["discount_rate", "salary_growth"] {
            after.request["assumptions"][name] = other.request["assumptions"][name].clone();
            expected.push(of(&after));
        }
        let figures: Vec<f64> = found.steps.iter().map(|step| step.figure).collect();
        assert_eq!(figures, expected);
        assert_eq!(figures.last(), Some(&of(&other)));
        assert_eq!(found.steps[0].causes, [Cause::Data]);
        assert!(
            found.steps[1..]
                .iter()
                .all(|step| matches!(&step.causes[..], [Cause::Assumption(title)] if !title.contains('.')))
        );
    }

    #[test]
    fn changes_that_the_engine_takes_together_alone_are_one_step() {
        let one = run(json!({
            "benefit": "annuity",
            "lives": [{ "table": "TGF05", "age": 65, "birth_year": 1960 }],
            "rate": 0.01,
        }));
        // A rate and a curve exclude one another.
        let other = run(json!({
            "benefit": "annuity",
            "lives": [{ "table": "TGF05", "age": 65, "birth_year": 1960 }],
            "curve": [{ "maturity": 1, "rate": 0.01 }, { "maturity": 10, "rate": 0.02 }],
        }));
        let found = between("rente", &one, &other).unwrap();
        assert_eq!(found.steps.len(), 1, "{found:?}");
        assert_eq!(found.steps[0].causes.len(), 2);
    }

    #[test]
    fn nothing_changed_is_no_step_and_a_stop_is_no_bridge() {
        let one = run(aops_engine::example("rente").unwrap());
        assert!(between("rente", &one, &one.clone()).unwrap().steps.is_empty());
        let mut same = one.clone();
        same.request["frequency"] = json!(12.0);
        assert!(between("rente", &one, &same).unwrap().steps.is_empty(), "12 is 12.0");
        let watch = Watch::default();
        watch.stop();
        let words = Words::french().unwrap();
        assert_eq!(bridge("rente", (&one, &outcome("rente", &one)), &one, &words, &watch), None);
    }
}
