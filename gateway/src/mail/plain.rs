//! The plain text of a mail: lines of at most 76 columns, addresses written out, `–` before what is listed.

use pulldown_cmark::{Event, Tag, TagEnd};

use super::markdown::button;

/// RFC 5322 § 2.1.1 asks for at most 78.
const COLUMNS: usize = 76;

/// Writes the text of what was parsed; without a line end at its end.
pub(super) fn text(events: &[Event<'_>]) -> String {
    let mut text = Text::default();
    let mut buttons = Vec::new();
    for (index, event) in events.iter().enumerate() {
        buttons.extend(button(events, index));
        text.take(event, buttons.last() == Some(&index));
    }
    text.flush();
    text.out.trim_end().to_owned()
}

/// What stands before the lines of a block.
enum Margin {
    Quote,
    /// The mark of an item, and whether it is written.
    Item(String, bool),
}

#[derive(Default)]
struct Text {
    out: String,
    /// The block being read; `\n` ends a line for good.
    block: String,
    margins: Vec<Margin>,
    /// The next number of each open list; none for one without numbers.
    lists: Vec<Option<u64>>,
    /// Where the open links lead, and where their words begin in the block.
    links: Vec<(String, usize)>,
    /// Whether an empty line comes before the next block.
    gap: bool,
    /// How many quotes the last block stood in.
    quoted: usize,
}

impl Text {
    fn take(&mut self, event: &Event<'_>, ends_button: bool) {
        match event {
            Event::Text(words) | Event::Code(words) => self.block.push_str(words),
            Event::SoftBreak => self.block.push(' '),
            Event::HardBreak => self.block.push('\n'),
            Event::Rule => {
                self.block.push_str("– – –");
                self.close();
            }
            Event::Start(tag) => self.open(tag),
            Event::End(TagEnd::Link) => self.address(ends_button),
            Event::End(TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::CodeBlock | TagEnd::HtmlBlock) => {
                self.close()
            }
            Event::End(TagEnd::Item) => {
                self.flush();
                self.margins.pop();
            }
            Event::End(TagEnd::BlockQuote(_)) => {
                self.close();
                self.margins.pop();
            }
            Event::End(TagEnd::List(_)) => {
                self.lists.pop();
                self.gap = self.lists.is_empty();
            }
            _ => {}
        }
    }

    fn open(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Link { dest_url, .. } => self.links.push((dest_url.to_string(), self.block.len())),
            Tag::BlockQuote(_) => {
                self.flush();
                self.margins.push(Margin::Quote);
            }
            Tag::List(first) => {
                self.flush();
                self.gap = self.lists.is_empty() && self.gap;
                self.lists.push(*first);
            }
            Tag::Item => {
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "– ".to_owned(),
                };
                self.margins.push(Margin::Item(mark, false));
            }
            _ => {}
        }
    }

    /// Writes an address after its words: on a line of its own when the link is a button.
    fn address(&mut self, alone: bool) {
        let Some((url, start)) = self.links.pop() else { return };
        let words = self.block.get(start..).unwrap_or_default().trim();
        if words == url || Some(words) == url.strip_prefix("mailto:") {
            return;
        }
        let url = url.strip_prefix("mailto:").unwrap_or(&url);
        if alone {
            self.block.push_str(&format!("\n{url}"));
        } else {
            self.block.push_str(&format!(" <{url}>"));
        }
    }

    fn close(&mut self) {
        self.flush();
        self.gap = true;
    }

    /// Writes the block that was read, if any.
    fn flush(&mut self) {
        let block = std::mem::take(&mut self.block);
        if block.trim().is_empty() {
            return;
        }
        let quotes = self.margins.iter().filter(|margin| matches!(margin, Margin::Quote)).count();
        if self.gap && !self.out.is_empty() {
            self.out.push_str("> ".repeat(self.quoted.min(quotes)).trim_end());
            self.out.push('\n');
        }
        (self.gap, self.quoted) = (false, quotes);
        for line in block.split('\n') {
            self.wrap(line);
        }
    }

    fn wrap(&mut self, line: &str) {
        let mut row = self.margin();
        let mut empty = true;
        for word in line.split(' ').filter(|word| !word.is_empty()) {
            if !empty && row.chars().count() + 1 + word.chars().count() > COLUMNS {
                self.row(&row);
                row = self.margin();
                empty = true;
            }
            if !empty {
                row.push(' ');
            }
            row.push_str(word);
            empty = false;
        }
        self.row(&row);
    }

    fn row(&mut self, row: &str) {
        self.out.push_str(row.trim_end());
        self.out.push('\n');
    }

    fn margin(&mut self) -> String {
        let written = |margin: &mut Margin| match margin {
            Margin::Quote => "> ".to_owned(),
            Margin::Item(mark, true) => " ".repeat(mark.chars().count()),
            Margin::Item(mark, written) => {
                *written = true;
                mark.clone()
            }
        };
        self.margins.iter_mut().map(written).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::markdown::forms;

    #[test]
    fn lines_end_before_column_77_and_never_inside_a_word_or_at_a_no_break_space() {
        let words = "Les engagements\u{a0}; leur valeur\u{a0}: 1\u{202f}290,00\u{a0}€ par an. ".repeat(9);
        let long = format!("https://example.org/{}", "a".repeat(90));
        let text = forms(&format!("{words}\n\n> {words}\n\n- {words}\n- {long}")).text;
        for line in text.lines() {
            assert!(line.chars().count() <= 76 || line.ends_with(&long), "{line}");
            assert!(!line.starts_with(['€', ';', ':']), "{line}");
        }
        assert!(text.contains(&long));
    }

    #[test]
    fn a_text_client_sees_addresses_lists_and_quotes() {
        let source = "## Titre\n\nLisez [la note](https://a.fr/n) ou [a@b.fr](mailto:a@b.fr).\n\n- un\n- deux\n  - trois\n\n\
                      1. a\n2. b\n\n> cité\n>\n> encore\n\n[Ouvrir](https://a.fr/o)\n\n---\n\nFin\\\nici";
        let text = "Titre\n\nLisez la note <https://a.fr/n> ou a@b.fr.\n\n– un\n– deux\n  – trois\n\n1. a\n2. b\n\n\
                    > cité\n>\n> encore\n\nOuvrir\nhttps://a.fr/o\n\n– – –\n\nFin\nici";
        assert_eq!(forms(source).text, text);
    }
}
