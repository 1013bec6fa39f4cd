//! The worked examples of `docs/actuarial/`: every request of a page is asked, and its printed answer is what comes.

mod support;

use std::fs;

use serde_json::Value;
use support::answer;

/// A printed figure keeps ten digits.
const PRINTED: f64 = 1e-9;

/// Fenced blocks of a page: what stands after the fence's first word, and the text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```json ") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((info.to_owned(), text.join("\n")));
        }
    }
    blocks
}

#[track_caller]
fn same(found: &Value, printed: &Value, place: &str) {
    match printed {
        Value::Number(number) => {
            let (found, printed) = (found.as_f64().unwrap_or(f64::NAN), number.as_f64().unwrap_or(f64::NAN));
            assert!(
                (found - printed).abs() <= PRINTED * printed.abs().max(1e-9),
                "{place}: {found} for {printed}"
            );
        }
        Value::Array(list) => {
            assert_eq!(found.as_array().map(Vec::len), Some(list.len()), "{place}");
            for (index, value) in list.iter().enumerate() {
                same(&found[index], value, &format!("{place}/{index}"));
            }
        }
        Value::Object(map) => {
            for (name, value) in map {
                same(&found[name], value, &format!("{place}/{name}"));
            }
        }
        other => assert_eq!(found, other, "{place}"),
    }
}

#[test]
fn every_worked_example_of_the_pages_is_what_the_engine_answers() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/actuarial");
    let mut asked = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let blocks = blocks(&fs::read_to_string(&path).unwrap());
        for pair in blocks.chunks(2) {
            let [(request, question), (reply, printed)] = pair else {
                panic!("{name}: a request without answer")
            };
            assert_eq!(
                (request.as_str(), reply.as_str()),
                (format!("request {name}").as_str(), "answer"),
                "{name}"
            );
            let printed: Value = serde_json::from_str(printed).unwrap();
            assert!(printed.as_object().is_some_and(|members| !members.is_empty()), "{name}");
            same(&answer(&name, &serde_json::from_str(question).unwrap()), &printed, &name);
            asked += 1;
        }
        assert!(name == "README" || !blocks.is_empty(), "{name} has no worked example");
    }
    assert!(asked >= 6, "{asked}");
}
