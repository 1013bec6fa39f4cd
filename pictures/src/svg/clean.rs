//! The same drawing, written anew from its tree: only elements and attributes of SVG, and nothing else.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use roxmltree::Node;

use crate::{Kind, PictureError};

use super::{NAMESPACE, attribute, danger, document, is_drawn, root, text, unsafe_at};

const XLINK: &str = "http://www.w3.org/1999/xlink";
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Where white space is drawn, or may matter.
const TEXTS: [&str; 6] = ["desc", "style", "text", "textPath", "title", "tspan"];

/// Deeper than any editor nests, and shallow enough for a thread's stack.
const MOST_DEEP: usize = 200;

/// A drawing without comments, metadata, or what editors leave for themselves; the same bytes for the same drawing.
///
/// # Errors
/// [`PictureError::UnsafeSvg`] with line and column of a script, a foreign object, an event attribute, a reference
/// outside the drawing, an instruction, a document type or an entity; [`PictureError::MalformedSvg`],
/// [`PictureError::Truncated`], [`PictureError::NotAPicture`].
pub fn clean_svg(bytes: &[u8]) -> Result<Vec<u8>, PictureError> {
    let document = document(text(bytes)?)?;
    let root = root(&document)?;
    for node in document.descendants() {
        danger::refuse(node)?;
    }
    let mut writer = Writer::new(Vec::new());
    element(&mut writer, root, 0)?;
    Ok(writer.into_inner())
}

fn element(writer: &mut Writer<Vec<u8>>, node: Node<'_, '_>, depth: usize) -> Result<(), PictureError> {
    let name = node.tag_name().name();
    if depth > MOST_DEEP {
        let at = node.document().text_pos_at(node.range().start);
        return Err(unsafe_at("elements nested too deep", at));
    }
    let mut start = BytesStart::new(name);
    if depth == 0 {
        start.push_attribute(("xmlns", NAMESPACE));
    }
    for found in node.attributes() {
        match found.namespace() {
            None => start.push_attribute((found.name(), found.value())),
            // SVG 2 has href alone; it wins where both stand.
            Some(XLINK) if found.name() == "href" && attribute(node, "href").is_none() => {
                start.push_attribute(("href", found.value()));
            }
            Some(XML) if found.name() != "base" => {
                start.push_attribute((format!("xml:{}", found.name()).as_str(), found.value()));
            }
            Some(_) => {}
        }
    }
    let children: Vec<_> = node.children().filter(|child| is_kept(*child)).collect();
    if children.is_empty() {
        return write(writer, Event::Empty(start));
    }
    write(writer, Event::Start(start))?;
    for child in children {
        match child.text().filter(|_| child.is_text()) {
            Some(text) => write(writer, Event::Text(BytesText::new(text)))?,
            None => element(writer, child, depth + 1)?,
        }
    }
    write(writer, Event::End(BytesEnd::new(name)))
}

fn is_kept(node: Node<'_, '_>) -> bool {
    if node.is_element() {
        return is_drawn(node) && node.tag_name().name() != "metadata";
    }
    let is_spoken = || {
        node.ancestors().any(|ancestor| ancestor.is_element() && TEXTS.contains(&ancestor.tag_name().name()))
    };
    node.is_text() && (node.text().is_some_and(|text| !text.trim().is_empty()) || is_spoken())
}

fn write(writer: &mut Writer<Vec<u8>>, event: Event<'_>) -> Result<(), PictureError> {
    writer.write_event(event).map_err(|error: io::Error| PictureError::codec(Kind::Svg, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(drawing: &str) -> Result<String, PictureError> {
        clean_svg(drawing.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn what_editors_leave_is_taken_out_and_the_drawing_stays() {
        let drawing = r##"<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!-- Created with Inkscape -->
<svg xmlns="http://www.w3.org/2000/svg" xmlns:svg="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
  xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape" xmlns:sodipodi="http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd"
  xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" viewBox="0 0 10 10" inkscape:version="1.2" sodipodi:docname="/home/anne/a.svg">
  <sodipodi:namedview id="base"><inkscape:grid/></sodipodi:namedview>
  <metadata><rdf:RDF><rdf:Description>Anne</rdf:Description></rdf:RDF></metadata>
  <style><![CDATA[ a > b { fill: url(#g) } ]]></style>
  <svg:g inkscape:label="Layer"><use xlink:href="#p" x="1"/><path id="p" d="M0 0h5" style="fill:url('#g')"/></svg:g>
  <text xml:space="preserve">Prime &amp; <tspan>sinistre</tspan> <tspan>été</tspan></text>
</svg>"##;
        let expected = concat!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10">"##,
            r##"<style> a &gt; b { fill: url(#g) } </style>"##,
            r##"<g><use href="#p" x="1"/><path id="p" d="M0 0h5" style="fill:url(&apos;#g&apos;)"/></g>"##,
            r##"<text xml:space="preserve">Prime &amp; <tspan>sinistre</tspan> <tspan>été</tspan></text></svg>"##,
        );
        assert_eq!(cleaned(drawing).as_deref(), Ok(expected));
        assert_eq!(cleaned(expected).as_deref(), Ok(expected));
    }

    #[test]
    fn what_could_run_or_fetch_is_refused_with_its_place() {
        let cases = [
            ("<script>alert(1)</script>", "element <script>"),
            ("<metadata><script/></metadata>", "element <script>"),
            ("<h:script xmlns:h='http://www.w3.org/1999/xhtml'/>", "element <script>"),
            ("<foreignObject><p/></foreignObject>", "element <foreignObject>"),
            ("<g onload='x()'/>", "attribute onload"),
            ("<g ONCLICK='x()'/>", "attribute ONCLICK"),
            ("<a href='java&#10;script:x()'/>", "program in attribute href"),
            ("<a href=' https://example.org'/>", "outside reference href=\"https://example.org\""),
            (
                "<image href='data:image/svg+xml;base64,AA'/>",
                "outside reference href=\"data:image/svg+xml;base64,AA\"",
            ),
            ("<use href='other.svg#a'/>", "outside reference href=\"other.svg#a\""),
            (
                "<g style='fill:url(//x.example/a)'/>",
                "outside reference url(//x.example/a) in attribute style",
            ),
            ("<g fill='URL( \"http://x\" )'/>", "outside reference url(http://x) in attribute fill"),
            ("<g style='fill:\\75rl(http://x)'/>", "escape in attribute style"),
            ("<style>@import 'http://x';</style>", "@import in <style>"),
            ("<style>a{b:u<!-- -->rl(http://x)}</style>", "outside reference url(http://x) in <style>"),
            ("<set attributeName='xlink:href' to='#a'/>", "animation of href"),
            ("<animate values='#a;javascript:x()'/>", "program in attribute values"),
            ("<g xml:base='http://x/'/>", "outside reference base=\"http://x/\""),
            ("<?xml-stylesheet href='http://x'?>", "instruction <?xml-stylesheet?>"),
            ("<text>&nbsp;</text>", "entity &nbsp;"),
        ];
        for (inside, what) in cases {
            let fault = cleaned(&format!("<svg xmlns='http://www.w3.org/2000/svg'>\n  {inside}\n</svg>"));
            let Err(PictureError::UnsafeSvg { what: found, line, column }) = fault else {
                panic!("{inside}: {fault:?}");
            };
            assert_eq!((found.as_str(), line), (what, 2), "{inside}");
            assert!(column >= 3, "{inside}: {column}");
        }
    }

    #[test]
    fn a_document_type_is_refused_where_it_stands() {
        let bomb = "<?xml version='1.0'?>\n <!DOCTYPE svg [<!ENTITY a 'aaaa'>]><svg>&a;</svg>";
        let expected = PictureError::UnsafeSvg { what: "DOCTYPE".into(), line: 2, column: 2 };
        assert_eq!(cleaned(bomb), Err(expected));
    }

    #[test]
    fn a_tower_of_groups_is_refused() {
        let tower = format!("<svg>{}{}</svg>", "<g>".repeat(5000), "</g>".repeat(5000));
        assert_eq!(cleaned(&tower).unwrap_err().code(), "unsafe-svg");
    }

    #[test]
    fn pictures_given_in_place_and_fragments_stay() {
        let drawing = "<svg><image href=\"data:image/png;base64,iVBORw0KGgo=\"/><a href=\"#x\"/></svg>";
        assert!(cleaned(drawing).unwrap().contains("data:image/png;base64,iVBORw0KGgo="));
    }
}
