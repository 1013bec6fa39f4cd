//! The one door of the engine: a module by name, a request, an outcome or all faults. Not formulas.

use serde_json::{Map, Value, json};

use crate::apart::LongList;
use crate::call::Call;
use crate::cut::{self, Partial};
use crate::fault::Faults;
use crate::field::{Default, Field, Kind};
use crate::outcome::{Answer, Outcome, warning};
use crate::reader::{Reader, wrong_type};
use crate::watch::Watch;
use crate::{curves, disability, experience, health, ifc, life, pension, reserving, tables};

/// A module: what its requests may hold, and what answers them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Module {
    /// The name users know.
    pub(crate) name: &'static str,
    /// The members of a request, beside [`COMMON`].
    pub(crate) fields: &'static [Field],
    /// Answers a request; `None` once a fault is recorded.
    pub(crate) answer: fn(&Reader<'_>) -> Option<Answer>,
    /// French titles of the fields by their path, in JSON: `data/words/{name}.json`.
    pub(crate) words: &'static str,
    /// A request that is answered: `data/examples/{name}.json`.
    pub(crate) example: &'static str,
}

/// The modules that answer, one line each.
pub(crate) const REGISTRY: &[Module] = &[
    life::MODULE, //
    ifc::MODULE,
    ifc::AWARDS,
    curves::MODULE,
    pension::MODULE,
    reserving::MODULE,
    health::MODULE,
    experience::MODULE,
    disability::MODULE,
];

/// Names of the modules that answer.
pub const MODULES: &[&str] = &names();

/// Members of every request: tables of its own, and the wish for the working.
pub(crate) const COMMON: &[Field] = &[tables::TABLES_FIELD, Field::flag("explain", false)];

/// Answers `request` for `module`; every fault of the request is told at once.
///
/// # Errors
/// The faults, never empty, with JSON pointers into `request`.
pub fn calculate(module: &str, request: &Value) -> Result<Outcome, Faults> {
    calculate_watched(module, request, &Watch::default())
}

/// As [`calculate`], followed and stopped through `watch`.
///
/// # Errors
/// The faults, never empty; `cancelled` when a stop was asked for.
pub fn calculate_watched(module: &str, request: &Value, watch: &Watch) -> Result<Outcome, Faults> {
    run(module, request, Call::new(watch))
}

/// As [`calculate_watched`], the lines of data being CSV beside the request: employees, read without a tree in between.
/// Faults have the pointers that they would have in the request.
///
/// # Errors
/// The faults, never empty; `unknown_module` for a module that takes no lines ([`takes_lines`]).
pub fn calculate_lines(
    module: &str,
    request: &Value,
    lines: String,
    watch: &Watch,
) -> Result<Outcome, Faults> {
    calculate_cut(module, request, lines, &[], watch)
}

/// As [`calculate_lines`], with what was computed of some blocks of these lines before, wherever that was
/// ([`crate::calculate_part`]): the same bytes, whatever the parts are, and whichever are missing.
///
/// # Errors
/// As [`calculate_lines`].
pub fn calculate_cut(
    module: &str,
    request: &Value,
    lines: String,
    parts: &[Partial],
    watch: &Watch,
) -> Result<Outcome, Faults> {
    run(module, request, lined(module, lines, parts, watch)?)
}

/// As [`calculate_cut`], for whoever can take a long list apart from the outcome: where one has more than a block of
/// lines, the outcome has its first [`crate::FIRST`] alone, and the list stands beside it.
///
/// # Errors
/// As [`calculate_lines`].
pub fn calculate_apart(
    module: &str,
    request: &Value,
    lines: String,
    parts: &[Partial],
    watch: &Watch,
) -> Result<(Outcome, Option<LongList>), Faults> {
    let mut call = lined(module, lines, parts, watch)?;
    call.take_apart(true);
    match answered(module, request, &mut call) {
        Some(outcome) => Ok((outcome, call.into_apart())),
        None => Err(call.into_faults()),
    }
}

/// A call whose lines of data are CSV.
fn lined<'w>(module: &str, lines: String, parts: &[Partial], watch: &'w Watch) -> Result<Call<'w>, Faults> {
    let mut call = Call::new(watch);
    if !takes_lines(module) {
        let known = LINED.map(|(name, _)| name).join(", ");
        let parameters = [("found", module.chars().take(60).collect()), ("known", known)];
        call.faults().push("", "unknown_module", &parameters);
        return Err(call.into_faults());
    }
    call.set_lines(lines);
    call.give(cut::by_block(parts));
    Ok(call)
}

/// Whether a module takes its lines of data as CSV.
pub fn takes_lines(module: &str) -> bool {
    figures_of(module).is_some()
}

/// What a part of a portfolio gives to the whole: figures of each of its blocks.
type Figures = fn(&Reader<'_>) -> Option<Vec<Vec<f64>>>;

/// Modules whose lines of data may be CSV, and cut.
const LINED: [(&str, Figures); 2] = [("ifc", ifc::figures), ("medailles", ifc::award_figures)];

pub(crate) fn figures_of(module: &str) -> Option<Figures> {
    LINED.iter().find(|(name, _)| *name == module).map(|(_, figures)| *figures)
}

fn run(module: &str, request: &Value, mut call: Call<'_>) -> Result<Outcome, Faults> {
    answered(module, request, &mut call).ok_or_else(|| call.into_faults())
}

/// The outcome; `None` once a fault is recorded.
fn answered(module: &str, request: &Value, call: &mut Call<'_>) -> Option<Outcome> {
    let Some(module) = find(module) else {
        let found: String = module.chars().take(60).collect();
        let parameters = [("found", found), ("known", MODULES.join(", "))];
        call.faults().push("", "unknown_module", &parameters);
        return None;
    };
    open(request, call);
    let answer =
        Reader::with(request, "", module.fields, COMMON, call).and_then(|reader| (module.answer)(&reader));
    let sound = call.sound().is_some();
    match answer {
        Some(answer) if sound && !call.watch().is_stopped() && finite(&answer.results) => {
            Some(Outcome::new(answer, about(module, request, call)))
        }
        _ => {
            if call.watch().is_stopped() {
                call.faults().push("", "cancelled", &[]);
            } else if sound {
                call.faults().push("", "not_finite", &[]);
            }
            None
        }
    }
}

/// Reads what every request may have beside the members of its module: [`COMMON`].
pub(crate) fn open(request: &Value, call: &mut Call<'_>) {
    let own = request.get("tables").filter(|value| !value.is_null());
    if let Some(own) = own.map(|value| tables::read_own(value, call)) {
        call.own_tables(own);
    }
    if let Some(explain) = request.get("explain").filter(|value| !value.is_null()) {
        if explain.as_bool().is_none() {
            wrong_type(call, "/explain", "true or false", explain);
        }
        call.set_explain(explain == true);
    }
}

pub(crate) fn find(name: &str) -> Option<&'static Module> {
    REGISTRY.iter().find(|module| module.name == name)
}

/// What an outcome tells beside its results.
fn about(module: &Module, request: &Value, call: &Call<'_>) -> Map<String, Value> {
    let warnings: Vec<Value> = call.warnings().iter().map(warning).collect();
    Map::from_iter([
        ("assumptions".to_owned(), assumed(module.fields, request)),
        ("tables".to_owned(), call.used()),
        ("engine".to_owned(), json!({ "module": module.name, "version": env!("CARGO_PKG_VERSION") })),
        ("warnings".to_owned(), Value::Array(warnings)),
    ])
}

/// The request without its lines of data, its defaults written out.
fn assumed(fields: &[Field], request: &Value) -> Value {
    let member = |field: &Field| {
        let given = request.get(field.name).filter(|value| !value.is_null());
        let value = match (given, field.default) {
            _ if field.bulk => return None,
            (Some(value @ Value::Object(_)), _) => {
                let objects = |kind: &Kind| match kind {
                    Kind::Object(fields) => Some(*fields),
                    _ => None,
                };
                let inside = field.kind.shapes().iter().find_map(objects);
                inside.map_or_else(|| value.clone(), |fields| assumed(fields, value))
            }
            (Some(value), _) => value.clone(),
            (None, Some(Default::Number(number))) => json!(number),
            (None, Some(Default::Flag(flag))) => json!(flag),
            (None, Some(Default::Text(text))) => json!(text),
            (None, None) => return None,
        };
        Some((field.name.to_owned(), value))
    };
    Value::Object(fields.iter().filter_map(member).collect())
}

/// JSON has no NaN or infinity: a number that is not finite was written as null.
fn finite(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(values) => values.iter().all(finite),
        Value::Object(map) => map.values().all(finite),
        _ => true,
    }
}

const fn names() -> [&'static str; REGISTRY.len()] {
    let mut names = [""; REGISTRY.len()];
    let mut index = 0;
    while index < REGISTRY.len() {
        names[index] = REGISTRY[index].name;
        index += 1;
    }
    names
}
