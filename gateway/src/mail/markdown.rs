//! The Markdown of mails: values set into it stay words, and one source gives the HTML and the plain text.

use std::io::{self, Write};

use pulldown_cmark::{CowStr, Event, LinkType, Parser, Tag, TagEnd, html};

use super::plain;

/// Writes a value into Markdown so that it comes out as it was typed: no mark, link, list or line of its own making.
///
/// Lines stay lines. Marks that turn the direction of what follows (Unicode TR 9, 2.1 to 2.4) and other control
/// characters are left out.
///
/// # Errors
/// The writer's.
pub fn escape(value: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut after_space = true;
    for c in value.chars() {
        match c {
            '\n' => out.write_all(b"&#10;")?,
            // At the start of a line spaces would be a mark: of code, of a list.
            ' ' | '\t' if after_space => out.write_all(b"&#32;")?,
            ' ' | '\t' => out.write_all(b" ")?,
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() => {}
            c if c.is_ascii_punctuation() => write!(out, "\\{c}")?,
            c => write!(out, "{c}")?,
        }
        after_space = matches!(c, ' ' | '\t' | '\n');
    }
    Ok(())
}

/// The two forms of one Markdown text.
pub(super) struct Forms {
    pub(super) html: String,
    pub(super) text: String,
}

/// Reads the small Markdown of mails: paragraphs, titles, lists, quotes, emphasis, links, rules.
///
/// A link alone in its paragraph is a button (`<a class="btn">`). HTML is shown as it is typed; pictures give their
/// words, since a mail asks nothing of a server; links lead to `https:`, `http:` and `mailto:` alone.
pub(super) fn forms(source: &str) -> Forms {
    let events = events(source);
    let text = plain::text(&events);
    let mut html = String::new();
    html::push_html(&mut html, with_buttons(events).into_iter());
    Forms { html, text }
}

/// One line of words, for a header of the letter.
pub(super) fn line(source: &str) -> String {
    let words: String = events(source)
        .iter()
        .map(|event| match event {
            Event::Text(text) | Event::Code(text) => text.as_ref(),
            Event::SoftBreak | Event::HardBreak => " ",
            _ => "",
        })
        .collect();
    words
        .split(|c: char| c.is_whitespace() && c != '\u{a0}' && c != '\u{202f}')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// What the parser finds, made harmless.
fn events(source: &str) -> Vec<Event<'_>> {
    let mut events = Vec::new();
    let mut dropped_links = Vec::new();
    for event in Parser::new(source) {
        match event {
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => lines(text, &mut events),
            Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => {}
            Event::Start(Tag::Link { ref dest_url, .. }) => {
                let dropped = !leads_somewhere(dest_url);
                dropped_links.push(dropped);
                if !dropped {
                    events.push(event);
                }
            }
            Event::End(TagEnd::Link) => {
                if dropped_links.pop() == Some(false) {
                    events.push(event);
                }
            }
            event => events.push(event),
        }
    }
    events
}

/// The lines of what somebody typed are lines of the letter.
fn lines<'a>(text: CowStr<'a>, events: &mut Vec<Event<'a>>) {
    if !text.contains('\n') {
        return events.push(Event::Text(text));
    }
    for (index, part) in text.split('\n').enumerate() {
        if index > 0 {
            events.push(Event::HardBreak);
        }
        if !part.is_empty() {
            events.push(Event::Text(CowStr::from(part.to_owned())));
        }
    }
}

fn leads_somewhere(url: &str) -> bool {
    let scheme = url.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| ["https", "http", "mailto"].contains(&scheme))
        && !url.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Where the link that is alone in the paragraph beginning at `start` ends.
pub(super) fn button(events: &[Event<'_>], start: usize) -> Option<usize> {
    let (Event::Start(Tag::Paragraph), Event::Start(Tag::Link { link_type, dest_url, .. })) =
        (events.get(start)?, events.get(start + 1)?)
    else {
        return None;
    };
    if *link_type == LinkType::Autolink || dest_url.starts_with("mailto:") {
        return None;
    }
    let rest = events.get(start + 2..)?;
    let end = start + 2 + rest.iter().position(|event| *event == Event::End(TagEnd::Link))?;
    (events.get(end + 1) == Some(&Event::End(TagEnd::Paragraph))).then_some(end)
}

fn with_buttons(mut events: Vec<Event<'_>>) -> Vec<Event<'_>> {
    for start in 0..events.len() {
        if let Some(end) = button(&events, start) {
            events[start] = Event::InlineHtml("<p class=\"btn\">".into());
            events[end + 1] = Event::InlineHtml("</p>\n".into());
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(value: &str) -> String {
        let mut out = Vec::new();
        escape(value, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_people_type_makes_no_link_tag_title_list_or_code() {
        for value in [
            "[x](http://evil)",
            "![x](http://evil/p.png)",
            "<http://evil>",
            "<script>alert(1)</script>",
            "&lt;script&gt; &#60;b&#62;",
            "# Titre",
            "- un\n- deux",
            "1. un\n2) deux",
            "> cité\n\n    code",
            "    code",
            "a\n===\nb\n---",
            "`code` *gras* _bas_ ~~non~~",
            "[a]: http://evil\n\n[a]",
            "fin \\",
            "| a | b |\n|---|---|",
            "👩🏽‍💻 אבג ابجد",
        ] {
            let forms = forms(&format!("{}\n\nAprès", escaped(value)));
            let typed = value.replace("\r", "");
            assert_eq!(forms.text.matches("Après").count(), 1);
            assert!(!forms.html.contains("<a") && !forms.html.contains("<img"), "{value}: {}", forms.html);
            for tag in
                ["<script", "<h", "<li", "<ol", "<code", "<pre", "<blockquote", "<em", "<strong", "<table"]
            {
                assert!(!forms.html.contains(tag), "{value}: {}", forms.html);
            }
            for (line, typed) in forms.text.lines().zip(typed.lines()) {
                assert_eq!(line.trim(), typed.trim(), "{value:?}");
            }
        }
    }

    #[test]
    fn a_quote_holds_every_line_of_what_is_quoted() {
        let forms = forms(&format!("> {}\n\nAprès", escaped("un\n\n> deux\n# trois")));
        assert_eq!(forms.text, "> un\n>\n> > deux\n> # trois\n\nAprès");
        assert_eq!(forms.html.matches("<blockquote>").count(), 1);
    }

    #[test]
    fn a_value_turns_no_direction_and_rings_no_bell() {
        assert_eq!(escaped("a\u{202e}b\u{2066}c\u{7}d\re"), "abcde");
    }

    #[test]
    fn a_link_alone_in_its_paragraph_is_a_button_and_only_the_web_and_mail_are_led_to() {
        let shown = |source: &str| forms(source).html;
        assert_eq!(
            shown("[Ouvrir](<https://a.fr/?b=c&d>)"),
            "<p class=\"btn\"><a href=\"https://a.fr/?b=c&amp;d\">Ouvrir</a></p>\n"
        );
        assert_eq!(shown("Voir [là](https://a.fr)"), "<p>Voir <a href=\"https://a.fr\">là</a></p>\n");
        assert_eq!(shown("[x](javascript:alert)"), "<p>x</p>\n");
        assert_eq!(shown("![Courbe](https://a.fr/c.png)"), "<p>Courbe</p>\n");
        assert_eq!(shown("<b>gras</b>"), "<p>&lt;b&gt;gras&lt;/b&gt;</p>\n");
    }

    #[test]
    fn a_header_is_one_line() {
        let line = line(&format!("Votre offre {}", escaped("A\r\nBcc: x@y.fr\n\n*B*")));
        assert_eq!(line, "Votre offre A Bcc: x@y.fr *B*");
    }

    proptest! {
        #[test]
        fn any_value_comes_out_as_words(value in "(?s).{0,200}") {
            let forms = forms(&format!("Avant {} après", escaped(&value)));
            let tags = forms.html.replace("<p>", "").replace("</p>", "").replace("<br />", "");
            prop_assert!(!tags.contains('<'), "{}", forms.html);
            let kept = |c: &char| !c.is_whitespace() && !c.is_control() && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            let typed: String = format!("Avant{value}après").chars().filter(kept).collect();
            prop_assert_eq!(forms.text.chars().filter(kept).collect::<String>(), typed);
        }
    }
}
