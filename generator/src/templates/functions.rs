//! The functions of templates: `t`, `asset`, `url`, `section`, `page`, `taxonomy`, `json_ld`,
//! `load_data`, `picture`, `search_index`.

use std::sync::Arc;

use aops_manifest::Language;
use tera::{Error, Kwargs, State, Tera, TeraResult, Value};

use super::structured::json_ld;
use super::world::{Shared, World, show, touch, touch_all};
use crate::markdown::pictures::{Shown, html, image};
use crate::markdown::{data, links};
use crate::messages::{self, nearest};

/// The name, in contexts, of the number of the document that a page shows.
pub(crate) const DOCUMENT: &str = "_document";

pub(super) fn register(tera: &mut Tera, shared: &Arc<Shared>) {
    let own = Arc::clone(shared);
    tera.register_function("t", move |arguments: Kwargs, state: &State| {
        translate(&own.world(), &arguments, state)
    });
    let own = Arc::clone(shared);
    tera.register_function("asset", move |arguments: Kwargs, _: &State| asset(&own.world(), &arguments));
    let own = Arc::clone(shared);
    tera.register_function("url", move |arguments: Kwargs, state: &State| {
        url(&own.world(), &arguments, state)
    });
    let own = Arc::clone(shared);
    tera.register_function("section", move |arguments: Kwargs, state: &State| {
        object(&own.world(), &arguments, state, |path, values| {
            messages::message("section-missing", &[path, values[0], values[1]])
        })
    });
    let own = Arc::clone(shared);
    tera.register_function("page", move |arguments: Kwargs, state: &State| {
        object(&own.world(), &arguments, state, |path, values| {
            messages::message("page-missing", &[path, values[0], values[1]])
        })
    });
    let own = Arc::clone(shared);
    tera.register_function("taxonomy", move |arguments: Kwargs, state: &State| {
        taxonomy(&own.world(), &arguments, state)
    });
    let own = Arc::clone(shared);
    tera.register_function("load_data", move |arguments: Kwargs, _: &State| {
        let path = arguments.must_get::<&str>("path")?;
        touch_all();
        // The root also holds what the gateway stores: only what editors write may be read.
        if !["content/", "themes/"].iter().any(|folder| path.starts_with(folder)) {
            return Err(Error::message(messages::message("data-outside", &[("path", path)])));
        }
        let (value, _) =
            data::load(&own.world().root, path).map_err(|fault| Error::message(fault.message))?;
        Ok(Value::from_serializable(&value))
    });
    let own = Arc::clone(shared);
    tera.register_function("json_ld", move |_: Kwargs, state: &State| {
        let world = own.world();
        let id = state.get::<u64>(DOCUMENT)?.and_then(|id| usize::try_from(id).ok());
        let data = id.map_or_else(String::new, |id| json_ld(&world.library, id, &world.facts));
        TeraResult::Ok(Value::safe_string(&data))
    });
    let own = Arc::clone(shared);
    tera.register_function("picture", move |arguments: Kwargs, state: &State| {
        picture(&own.world(), &arguments, state)
    });
    let own = Arc::clone(shared);
    tera.register_function("search_index", move |_: Kwargs, state: &State| {
        let world = own.world();
        let search = world.search.get(&language(state)?);
        TeraResult::Ok(search.map(|search| search.index.clone()).unwrap_or_default())
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

fn translate(world: &World, arguments: &Kwargs, state: &State) -> TeraResult<Value> {
    let language = language(state)?;
    let key = arguments.must_get::<&str>("key")?;
    let strings = world.strings.get(&language);
    let Some(text) = strings.and_then(|strings| strings.get(key)) else {
        if let Some(default) = arguments.get::<Value>("default")? {
            return Ok(default);
        }
        let known = strings.into_iter().flat_map(|strings| strings.keys().map(String::as_str));
        let near = nearest(key, known).unwrap_or("—");
        let values = [("key", key), ("lang", language.tag()), ("nearest", near)];
        return Err(Error::message(messages::message("string-missing", &values)));
    };
    if arguments.iter().count() == 1 {
        return Ok(Value::from(text.as_str()));
    }
    let mut text = text.clone();
    for (name, value) in arguments.iter() {
        if let Some(name) = name.as_str().filter(|name| !matches!(*name, "key" | "default")) {
            text = text.replace(&format!("{{{name}}}"), &value.to_string());
        }
    }
    Ok(Value::from(text))
}

fn asset(world: &World, arguments: &Kwargs) -> TeraResult<String> {
    let name = arguments.must_get::<&str>("name")?;
    world.assets.get(name).cloned().ok_or_else(|| {
        let mut known: Vec<&str> = world.assets.keys().map(String::as_str).collect();
        known.sort_unstable();
        let near = nearest(name, known).unwrap_or("—");
        Error::message(messages::message("asset-missing", &[("name", name), ("nearest", near)]))
    })
}

fn url(world: &World, arguments: &Kwargs, state: &State) -> TeraResult<String> {
    let to = arguments.must_get::<&str>("to")?;
    let (id, anchor) = links::resolve(&world.library, language(state)?, to).map_err(|fault| {
        Error::message(match fault.hint {
            Some(hint) => format!("{} ; {hint}", fault.message),
            None => fault.message,
        })
    })?;
    touch(id);
    let path = world.library.documents[id].path.clone();
    Ok(anchor.map_or_else(|| path.clone(), |anchor| format!("{path}#{anchor}")))
}

type Pair<'a> = (&'a str, &'a str);

fn object(
    world: &World,
    arguments: &Kwargs,
    state: &State,
    missing: impl Fn(Pair<'_>, [Pair<'_>; 2]) -> String,
) -> TeraResult<Value> {
    let language = language(state)?;
    let path = arguments.must_get::<&str>("path")?;
    let relative = path.strip_prefix("@/").unwrap_or(path);
    if let Some(id) = world.library.find(language, relative) {
        touch(id);
        return Ok(world.value(id));
    }
    let near = nearest(relative, world.library.relatives(language)).unwrap_or("—");
    Err(Error::message(missing(("path", path), [("lang", language.tag()), ("nearest", near)])))
}

/// A picture beside the page, or of the theme, with its size and its forms.
fn picture(world: &World, arguments: &Kwargs, state: &State) -> TeraResult<Value> {
    let source = arguments.must_get::<&str>("src")?;
    let alt = arguments.get::<&str>("alt")?.unwrap_or_default();
    let eager = arguments.get::<bool>("eager")?.unwrap_or(false);
    let shown = Shown { alt, title: "", eager };
    let mut out = String::new();
    if source.starts_with('/') && world.beside.as_ref().is_none_or(|beside| beside.file(source).is_none()) {
        image(source, shown, None, &mut out);
        return Ok(Value::safe_string(&out));
    }
    let page = state.get::<String>("current_path")?.unwrap_or_default();
    let above = page.trim_end_matches('/').rsplit_once('/').map_or("", |(above, _)| above);
    let name = source.trim_start_matches("./");
    let places = [source.to_owned(), format!("{page}{name}"), format!("{above}/{name}")];
    let beside = world.beside.as_ref();
    let found = beside.and_then(|beside| Some((beside, places.iter().find_map(|path| beside.file(path))?)));
    let Some((beside, file)) = found else {
        return Err(Error::message(messages::message("picture-missing-alone", &[("src", source)])));
    };
    let picture = beside
        .picture(file)
        .map_err(|fault| Error::message(format!("{} : {}", fault.file, fault.message)))?;
    show(&picture);
    html(&picture, shown, &mut out);
    Ok(Value::safe_string(&out))
}

/// A taxonomy and its terms, without their pages; empty when no page is classified by it.
fn taxonomy(world: &World, arguments: &Kwargs, state: &State) -> TeraResult<Value> {
    let language = language(state)?;
    let name = arguments.must_get::<&str>("name")?;
    let found = world.library.classifications.iter().find(|c| c.language == language && c.name == name);
    let terms = found.into_iter().flat_map(|c| &c.terms).map(|term| {
        super::map([
            ("name", Value::from(term.name.as_str())),
            ("path", Value::from(term.path.as_str())),
            ("count", Value::from(term.pages.len())),
        ])
    });
    let terms: Vec<Value> = terms.collect();
    // What is counted changes with any page: whoever shows it is rendered again.
    touch_all();
    Ok(super::map([("name", Value::from(name)), ("terms", Value::from(terms))]))
}
