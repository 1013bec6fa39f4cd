//! Header compression (RFC 7541).

use super::*;

pub(super) fn cases() -> Vec<Case> {
    use Code::*;
    use Right::*;
    let unreadable = Connection(&[COMPRESSION_ERROR]);
    // A block of a GET, and these bytes behind it.
    let with = |more: &[u8]| frame(HEADERS, WHOLE, 1, &[&block(&[])[..], more].concat());
    let before = |more: &[u8]| frame(HEADERS, WHOLE, 1, &[more, &block(&[])[..]].concat());
    let continued = |bytes: &[u8]| [&[0x40, 1, b'x'][..], bytes].concat();
    vec![
        case("generic 5", "an indexed field", with(&[0x90]), Answer),
        case("generic 5", "a literal with indexing, an indexed name", with(&[0x7a, 1, b'a']), Answer),
        case("generic 5", "a literal with indexing, a new name", with(&continued(&[1, b'a'])), Answer),
        case(
            "generic 5",
            "a literal without indexing, an indexed name",
            with(&[0x0f, 0x2b, 1, b'a']),
            Answer,
        ),
        case("generic 5", "a literal never indexed", with(&[0x10, 1, b'x', 1, b'a']), Answer),
        case(
            "generic 5",
            "a field from the dynamic table",
            with(&[&continued(&[1, b'a'])[..], &[0xbe]].concat()),
            Answer,
        ),
        case("generic 5", "Huffman's code in a value", with(&continued(&[0x81, 0x1f])), Answer),
        case("generic 5", "the table's size changed before a block", before(&[0x20]), Answer),
        case(
            "generic 5",
            "the table's size changed twice before a block",
            before(&[0x20, 0x3f, 0xe1, 0x1f]),
            Answer,
        ),
        case("hpack 2.3.3", "an index that no table has", with(&[0xff, 0xff, 0x7f]), unreadable),
        case(
            "hpack 2.3.3",
            "a name's index that no table has",
            with(&[0x7f, 0xff, 0x7f, 1, b'a']),
            unreadable,
        ),
        case("hpack 2.3.3", "the first index past both tables", with(&[0xbe]), unreadable),
        case("hpack 4.2", "the table's size changed behind a block", with(&[0x21]), unreadable),
        case(
            "hpack 5.1",
            "an integer past all numbers",
            with(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]),
            unreadable,
        ),
        case("hpack 5.1", "an integer that goes on past the block", with(&[0xff, 0xff]), unreadable),
        case("hpack 5.2", "a string past the block's end", with(&continued(&[5, b'a'])), unreadable),
        case(
            "hpack 5.2",
            "Huffman's code padded with eight bits",
            with(&continued(&[0x82, 0x1f, 0xff])),
            unreadable,
        ),
        case("hpack 5.2", "Huffman's code padded with zeros", with(&continued(&[0x81, 0x18])), unreadable),
        case(
            "hpack 5.2",
            "Huffman's code with its end of string",
            with(&continued(&[0x84, 0xff, 0xff, 0xff, 0xff])),
            unreadable,
        ),
        case("hpack 6.1", "index 0", with(&[0x80]), unreadable),
        case(
            "hpack 6.3",
            "the table's size changed past SETTINGS_HEADER_TABLE_SIZE",
            before(&[0x3f, 0xe2, 0x1f]),
            unreadable,
        ),
        case("hpack 6.3", "the table's size changed far past", before(&[0x3f, 0xff, 0xff, 0x7f]), unreadable),
    ]
}
