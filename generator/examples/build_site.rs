//! Builds a site: `cargo run --example build_site -- ROOT [--full | --check]`. Tables of `site.toml` other than `[site]`
//! are handed to templates.

use std::path::PathBuf;
use std::process::ExitCode;

use aops_generator::{BuildOptions, SiteConfig, build, check};

fn main() -> ExitCode {
    let root = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".into()));
    let text = match std::fs::read_to_string(root.join("site.toml")) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("{}: {error}", root.join("site.toml").display());
            return ExitCode::FAILURE;
        }
    };
    let mut options =
        BuildOptions::new(root, jiff::Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date());
    options.plain = !std::env::args().any(|argument| argument == "--full");
    let config = match read(&text, &mut options) {
        Ok(config) => config,
        Err(error) => {
            eprint!("{}", aops_generator::diagnostics::from_toml("site.toml", &text, &error));
            return ExitCode::FAILURE;
        }
    };
    if std::env::args().any(|argument| argument == "--check") {
        let report = check(&config, &options);
        eprint!("{}", report.faults);
        println!("{} pages, {} faults, {:.1?}", report.pages, report.faults.len(), report.elapsed);
        return if report.faults.has_errors() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    match build(&config, &options) {
        Ok(report) => {
            eprint!("{}", report.warnings);
            println!("{} pages, {} files, {:.1?}", report.pages, report.files, report.elapsed);
            for (phase, time) in report.phases {
                println!("  {phase:<10} {time:.1?}");
            }
            ExitCode::SUCCESS
        }
        Err(faults) => {
            eprint!("{faults}");
            ExitCode::FAILURE
        }
    }
}

fn read(text: &str, options: &mut BuildOptions) -> Result<SiteConfig, toml::de::Error> {
    let mut tables: toml::Table = toml::from_str(text)?;
    let site = tables.remove("site").unwrap_or(toml::Value::Table(toml::Table::new()));
    for (name, value) in tables {
        if let Ok(value) = serde_json::to_value(value) {
            options.data.insert(name, value);
        }
    }
    site.try_into()
}
