//! What in a drawing could run or fetch; it judges one element, attribute or style at a time, and changes nothing.

use roxmltree::{Attribute, Node};

use crate::PictureError;

use super::unsafe_at;

/// Elements that run a program, or hold a document of another kind.
const ELEMENTS: [&str; 12] = [
    "audio",
    "base",
    "embed",
    "foreignobject",
    "handler",
    "iframe",
    "link",
    "listener",
    "meta",
    "object",
    "script",
    "video",
];

/// Elements whose `attributeName` chooses what they change over time.
const ANIMATIONS: [&str; 5] = ["animate", "animatecolor", "animatemotion", "animatetransform", "set"];

/// Attributes that name another resource, whatever their namespace.
const REFERENCES: [&str; 5] = ["action", "formaction", "href", "src", "base"];

/// Functions of CSS that fetch, or once ran, something.
const FETCHING: [&str; 6] = ["@import", "expression(", "image(", "image-set(", "src(", "-moz-binding"];

/// Pictures that may stand inside a drawing.
const INSIDE: [&str; 5] =
    ["data:image/png;", "data:image/jpeg;", "data:image/gif;", "data:image/webp;", "data:image/avif;"];

/// Refuses a node that could run or fetch, in its name, attributes, style text or instruction.
///
/// # Errors
/// [`PictureError::UnsafeSvg`] with what and where.
pub(super) fn refuse(node: Node<'_, '_>) -> Result<(), PictureError> {
    let at = |byte| node.document().text_pos_at(byte);
    if let Some(instruction) = node.pi().filter(|instruction| instruction.target != "xml") {
        return Err(unsafe_at(&format!("instruction <?{}?>", instruction.target), at(node.range().start)));
    }
    if !node.is_element() {
        return Ok(());
    }
    let name = node.tag_name().name();
    let lower = name.to_ascii_lowercase();
    if ELEMENTS.contains(&lower.as_str()) {
        return Err(unsafe_at(&format!("element <{name}>"), at(node.range().start)));
    }
    for attribute in node.attributes() {
        if let Some(what) = in_attribute(&lower, attribute) {
            return Err(unsafe_at(&what, at(attribute.range().start)));
        }
    }
    if lower == "style" {
        let text: String = node.children().filter_map(|child| child.text()).collect();
        if let Some(what) = in_style(&text) {
            return Err(unsafe_at(&format!("{what} in <style>"), at(node.range().start)));
        }
    }
    Ok(())
}

fn in_attribute(element: &str, attribute: Attribute<'_, '_>) -> Option<String> {
    let name = attribute.name();
    let lower = name.to_ascii_lowercase();
    let value = attribute.value();
    if lower.len() > 2 && lower.starts_with("on") {
        return Some(format!("attribute {name}"));
    }
    let plain = compact(value);
    if plain.contains("javascript:") || plain.contains("vbscript:") {
        return Some(format!("program in attribute {name}"));
    }
    if REFERENCES.contains(&lower.as_str()) && !is_inside(value) {
        return Some(format!("outside reference {name}=\"{}\"", value.trim()));
    }
    if ANIMATIONS.contains(&element) && lower == "attributename" && plain.ends_with("href") {
        return Some("animation of href".to_owned());
    }
    let is_style = lower == "style" || value.contains('(');
    in_style(value).filter(|_| is_style).map(|what| format!("{what} in attribute {name}"))
}

/// What is wrong in a text of CSS. Escapes are refused as such: no tool writes them, and they hide the rest.
fn in_style(text: &str) -> Option<String> {
    if text.contains('\\') {
        return Some("escape".to_owned());
    }
    let plain = compact(text);
    if let Some(what) = FETCHING.iter().find(|what| plain.contains(**what)) {
        return Some((*what).to_owned());
    }
    plain
        .split("url(")
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap_or_default().trim_matches(['"', '\'']))
        .find(|target| !is_inside(target))
        .map(|target| format!("outside reference url({target})"))
}

/// Whether a reference stays in the drawing: a fragment, or a picture given in place.
fn is_inside(reference: &str) -> bool {
    let reference = compact(reference);
    reference.is_empty()
        || reference.starts_with('#')
        || INSIDE.iter().any(|start| reference.starts_with(start))
}

/// Lower case, without white space and control characters, which browsers skip inside addresses.
fn compact(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).flat_map(char::to_lowercase).collect()
}
