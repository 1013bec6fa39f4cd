//! The functions of templates: `t`, `asset`, `url`, `section`, `page`.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use aops_manifest::Language;
use tera::{Error, Kwargs, State, Tera, TeraResult, Value};

use crate::content::Library;
use crate::i18n::Strings;
use crate::markdown::links;
use crate::messages::{self, nearest};

/// What functions answer from; filled as the build goes on.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) library: Arc<Library>,
    pub(crate) strings: Strings,
    /// By name in the theme: the fingerprinted path.
    pub(crate) assets: HashMap<String, String>,
    /// By document: what stands in lists, before and after the Markdown is rendered.
    pub(crate) early: OnceLock<Vec<Value>>,
    pub(crate) late: OnceLock<Vec<Value>>,
}

impl Shared {
    fn value(&self, id: usize) -> Option<Value> {
        let values = self.late.get().or_else(|| self.early.get())?;
        values.get(id).cloned()
    }
}

pub(super) fn register(tera: &mut Tera, shared: &Arc<Shared>) {
    let own = Arc::clone(shared);
    tera.register_function("t", move |arguments: Kwargs, state: &State| translate(&own, &arguments, state));
    let own = Arc::clone(shared);
    tera.register_function("asset", move |arguments: Kwargs, _: &State| asset(&own, &arguments));
    let own = Arc::clone(shared);
    tera.register_function("url", move |arguments: Kwargs, state: &State| url(&own, &arguments, state));
    let own = Arc::clone(shared);
    tera.register_function("section", move |arguments: Kwargs, state: &State| {
        object(&own, &arguments, state, |path, values| {
            messages::message("section-missing", &[path, values[0], values[1]])
        })
    });
    let own = Arc::clone(shared);
    tera.register_function("page", move |arguments: Kwargs, state: &State| {
        object(&own, &arguments, state, |path, values| {
            messages::message("page-missing", &[path, values[0], values[1]])
        })
    });
}

/// The language that the template is rendered in.
pub(super) fn language(state: &State) -> TeraResult<Language> {
    let tag = state.get::<String>("lang")?.unwrap_or_default();
    Language::ALL
        .into_iter()
        .find(|language| language.tag() == tag)
        .ok_or_else(|| Error::message(messages::message("language-unknown", &[("value", &tag)])))
}

fn translate(shared: &Shared, arguments: &Kwargs, state: &State) -> TeraResult<Value> {
    let language = language(state)?;
    let key = arguments.must_get::<&str>("key")?;
    let strings = shared.strings.get(&language);
    let Some(text) = strings.and_then(|strings| strings.get(key)) else {
        if let Some(default) = arguments.get::<Value>("default")? {
            return Ok(default);
        }
        let known = strings.into_iter().flat_map(|strings| strings.keys().map(String::as_str));
        let near = nearest(key, known).unwrap_or("—");
        let values = [("key", key), ("lang", language.tag()), ("nearest", near)];
        return Err(Error::message(messages::message("string-missing", &values)));
    };
    let mut text = text.clone();
    for (name, value) in arguments.iter() {
        if let Some(name) = name.as_str().filter(|name| !matches!(*name, "key" | "default")) {
            text = text.replace(&format!("{{{name}}}"), &value.to_string());
        }
    }
    Ok(Value::from(text))
}

fn asset(shared: &Shared, arguments: &Kwargs) -> TeraResult<String> {
    let name = arguments.must_get::<&str>("name")?;
    shared.assets.get(name).cloned().ok_or_else(|| {
        let mut known: Vec<&str> = shared.assets.keys().map(String::as_str).collect();
        known.sort_unstable();
        let near = nearest(name, known).unwrap_or("—");
        Error::message(messages::message("asset-missing", &[("name", name), ("nearest", near)]))
    })
}

fn url(shared: &Shared, arguments: &Kwargs, state: &State) -> TeraResult<String> {
    let to = arguments.must_get::<&str>("to")?;
    let (id, anchor) = links::resolve(&shared.library, language(state)?, to).map_err(|fault| {
        Error::message(match fault.hint {
            Some(hint) => format!("{} ; {hint}", fault.message),
            None => fault.message,
        })
    })?;
    let path = shared.library.documents[id].path.clone();
    Ok(anchor.map_or_else(|| path.clone(), |anchor| format!("{path}#{anchor}")))
}

type Pair<'a> = (&'a str, &'a str);

fn object(
    shared: &Shared,
    arguments: &Kwargs,
    state: &State,
    missing: impl Fn(Pair<'_>, [Pair<'_>; 2]) -> String,
) -> TeraResult<Value> {
    let language = language(state)?;
    let path = arguments.must_get::<&str>("path")?;
    let relative = path.strip_prefix("@/").unwrap_or(path);
    if let Some(value) = shared.library.find(language, relative).and_then(|id| shared.value(id)) {
        return Ok(value);
    }
    let near = nearest(relative, shared.library.relatives(language)).unwrap_or("—");
    Err(Error::message(missing(("path", path), [("lang", language.tag()), ("nearest", near)])))
}
