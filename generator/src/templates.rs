//! The template engine: Tera with the theme's templates and the functions and filters that it may use.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use aops_manifest::Language;
use jiff::civil::Date;
use tera::{Context, ErrorKind, Kwargs, State, Tera, TeraResult, Value};

use crate::diagnostics::{Diagnostic, nearest};
use crate::locale;
use crate::markdown::typeset;
use crate::theme::Theme;

/// What functions of templates look up; the objects come in once all pages are rendered.
#[derive(Debug, Default, Clone)]
pub(crate) struct Lookups {
    /// Addresses of files by language and path relative to its folder.
    pub(crate) paths: Arc<HashMap<(Language, String), String>>,
    /// Pages and sections by the same.
    pub(crate) objects: Arc<HashMap<(Language, String), Value>>,
    /// Addresses of assets by name.
    pub(crate) assets: Arc<BTreeMap<String, String>>,
}

/// An engine with the theme's templates.
///
/// # Errors
/// A template that cannot be read, with its place.
pub(crate) fn engine(theme: &Theme, lookups: &Lookups) -> Result<Tera, Diagnostic> {
    let mut tera = Tera::new();
    tera.autoescape_on([".html"]);
    register(&mut tera, theme, lookups);
    tera.add_raw_templates(theme.templates.iter()).map_err(|error| fault(theme, "", &error))?;
    Ok(tera)
}

/// Renders a template.
///
/// # Errors
/// What the engine says, at its place in the template.
pub(crate) fn render(tera: &Tera, theme: &Theme, name: &str, context: &Context) -> Result<String, Diagnostic> {
    tera.render(name, context).map_err(|error| fault(theme, name, &error))
}

/// The engine's fault, told with file, line and column.
fn fault(theme: &Theme, name: &str, error: &tera::Error) -> Diagnostic {
    match error.kind() {
        ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
            let file = file_of(theme, report.filename());
            let fault = Diagnostic::new("template", file, &[("why", report.message())]);
            match theme.templates.get(report.filename()) {
                Some(source) => fault.at(source, report.span().range.clone()),
                None => fault,
            }
        }
        ErrorKind::TemplateNotFound(missing) | ErrorKind::MissingParent { parent: missing, .. } => {
            let mut values = vec![("name", missing.as_str())];
            let near = nearest(missing, theme.templates.keys().map(String::as_str));
            values.extend(near.map(|near| ("nearest", near)));
            Diagnostic::new("template_missing", file_of(theme, name), &values)
        }
        _ => {
            let mut why = error.to_string();
            let mut source = std::error::Error::source(error);
            while let Some(cause) = source {
                why = format!("{why}: {cause}");
                source = cause.source();
            }
            Diagnostic::new("template", file_of(theme, name), &[("why", &why)])
        }
    }
}

/// Where a template's source stands.
pub(crate) fn file_of(theme: &Theme, name: &str) -> String {
    let inside = if name.starts_with("gateway/") || name.starts_with("mail/") { "" } else { "templates/" };
    format!("{}/{inside}{name}", theme.folder)
}

fn register(tera: &mut Tera, theme: &Theme, lookups: &Lookups) {
    let strings = Arc::new(theme.strings.clone());
    tera.register_function("t", move |arguments: Kwargs, state: &State| {
        let key: &str = arguments.must_get("key")?;
        let language = language(state)?;
        let text = strings.get(&language).and_then(|strings| strings.get(key)).ok_or_else(|| {
            tera::Error::message(format!("no interface string `{key}` in i18n/{}.toml", language.tag()))
        })?;
        let mut text = text.clone();
        for (name, value) in arguments.iter() {
            text = text.replace(&format!("{{{name}}}"), &value.to_string());
        }
        TeraResult::Ok(text)
    });
    let assets = Arc::clone(&lookups.assets);
    tera.register_function("asset", move |arguments: Kwargs, _: &State| {
        let name: &str = arguments.must_get("name")?;
        assets.get(name).cloned().ok_or_else(|| tera::Error::message(format!("no asset `{name}` in the theme")))
    });
    let paths = Arc::clone(&lookups.paths);
    tera.register_function("url", move |arguments: Kwargs, state: &State| {
        let to: &str = arguments.must_get("to")?;
        let Some(file) = to.strip_prefix("@/") else {
            return Ok(to.to_owned());
        };
        let (file, anchor) = file.split_once('#').map_or((file, String::new()), |(file, anchor)| (file, format!("#{anchor}")));
        let language = language(state)?;
        match paths.get(&(language, file.to_owned())) {
            Some(path) => Ok(format!("{path}{anchor}")),
            None => Err(tera::Error::message(format!("no page `{to}` in content/{}", language.tag()))),
        }
    });
    for name in ["section", "page"] {
        let objects = Arc::clone(&lookups.objects);
        tera.register_function(name, move |arguments: Kwargs, state: &State| {
            let path: &str = arguments.must_get("path")?;
            let language = language(state)?;
            let object = objects.get(&(language, path.trim_start_matches("@/").to_owned()));
            object.cloned().ok_or_else(|| tera::Error::message(format!("no file `{path}` in content/{}", language.tag())))
        });
    }
    tera.register_filter("date", |text: &str, _: Kwargs, state: &State| {
        let day: Date = text.get(..10).unwrap_or(text).parse().map_err(|_| tera::Error::message(format!("`{text}` is no date")))?;
        TeraResult::Ok(locale::date(day, language(state)?))
    });
    tera.register_filter("money", |cents: f64, _: Kwargs, state: &State| {
        TeraResult::Ok(locale::money(cents.round() as i64, language(state)?))
    });
    tera.register_filter("number", |value: f64, arguments: Kwargs, state: &State| {
        let decimals = arguments.get::<u64>("decimals")?.unwrap_or(0).min(12);
        TeraResult::Ok(locale::number(value, decimals as usize, language(state)?))
    });
    tera.register_filter("typography", |text: &str, _: Kwargs, state: &State| {
        TeraResult::Ok(typeset(text, language(state)?))
    });
    tera.register_filter("markdown", |text: &str, _: Kwargs, _: &State| {
        let mut html = String::with_capacity(text.len() * 3 / 2);
        pulldown_cmark::html::push_html(&mut html, pulldown_cmark::Parser::new(text));
        Value::safe_string(&html)
    });
}

fn language(state: &State) -> TeraResult<Language> {
    let tag: Option<String> = state.get("lang")?;
    Ok(if tag.as_deref() == Some("en") { Language::En } else { Language::Fr })
}

/// The data that a shortcode's `data` argument names, beside the page.
///
/// # Errors
/// What keeps the file from being read, without its place.
pub(crate) fn data(root: &Path, file: &str) -> Result<Value, Diagnostic> {
    let wrong = |why: String| Diagnostic::new("data_file", file, &[("name", file), ("why", &why)]);
    let source = crate::files::read_text(root, file).map_err(|fault| wrong(fault.message))?;
    match file.rsplit('.').next().unwrap_or_default() {
        "csv" => csv_value(&source).map_err(|error| wrong(error.to_string())),
        "toml" => toml::from_str::<toml::Table>(&source)
            .map(|table| Value::from_serializable(&table))
            .map_err(|error| wrong(error.to_string())),
        _ => serde_json::from_str::<serde_json::Value>(&source)
            .map(|value| Value::from_serializable(&value))
            .map_err(|error| wrong(error.to_string())),
    }
}

fn csv_value(source: &str) -> Result<Value, csv::Error> {
    let mut reader = csv::Reader::from_reader(source.as_bytes());
    let headers: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let rows: Result<Vec<Vec<String>>, csv::Error> =
        reader.records().map(|record| Ok(record?.iter().map(str::to_owned).collect())).collect();
    #[derive(serde::Serialize)]
    struct Table {
        headers: Vec<String>,
        rows: Vec<Vec<String>>,
    }
    Ok(Value::from_serializable(&Table { headers, rows: rows? }))
}
