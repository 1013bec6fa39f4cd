//! Every result of the engine has a French name: the worked examples of `docs/actuarial/` and the engine's own.

use std::fs;

use aops_report::{Cell, Words, tables};
use serde_json::Value;

/// A name of the engine's: it begins small, or has an underscore. Names of the client's own stand in lines, not here.
fn is_code(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase()) || name.contains('_')
}

#[test]
fn every_title_column_and_figure_of_a_report_has_a_french_name() {
    let words = Words::french().unwrap();
    // A module and its request: the engine's own, and those of the pages.
    let own = aops_engine::MODULES.iter().map(|module| ((*module).to_owned(), aops_engine::example(module)));
    let mut requests: Vec<(String, Value)> =
        own.map(|(module, request)| (module, request.unwrap())).collect();
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/actuarial")).unwrap() {
        let page = fs::read_to_string(entry.unwrap().path()).unwrap();
        for block in page.split("```json request ").skip(1) {
            let (module, rest) = block.split_once('\n').unwrap();
            let request = rest.split("```").next().unwrap();
            requests.push((module.to_owned(), serde_json::from_str(request).unwrap()));
        }
    }
    assert!(requests.len() > aops_engine::MODULES.len(), "the pages have examples of their own");
    let mut unnamed = Vec::new();
    for (module, request) in &requests {
        let outcome = Value::from(aops_engine::calculate(module, request).unwrap());
        let tables = tables(module, request, &outcome, &words);
        for table in &tables {
            let names = table.headers.iter().chain([&table.title]);
            unnamed.extend(names.filter(|name| is_code(name)).map(|name| format!("{module}: {name}")));
        }
        for row in &tables[0].rows {
            if let Cell::Text(name) = &row[0]
                && is_code(name)
            {
                unnamed.push(format!("{module}: {name}"));
            }
        }
    }
    assert_eq!(unnamed, Vec::<String>::new());
}
