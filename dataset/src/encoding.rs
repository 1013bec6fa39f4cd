//! Bytes of a text file to text: UTF-8 with or without a mark, UTF-16, else Windows-1252, as French spreadsheets write.
//! Not lines or cells.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::fault::Fault;

/// The text of a file.
///
/// # Errors
/// NUL bytes outside of UTF-16, UTF-8 and another encoding in one file, UTF-16 that is none; with their rows.
pub(crate) fn text(bytes: &[u8]) -> Result<Cow<'_, str>, Fault> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return decoded(encoding, &bytes[mark..]);
    }
    if let Some(encoding) = utf16(bytes) {
        return decoded(encoding, bytes);
    }
    if let Some(at) = memchr::memchr(0, bytes) {
        return Err(Fault::at(row(bytes, at), "nul", &[]));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(error) => windows(bytes, error.valid_up_to()),
    }
}

fn decoded<'b>(encoding: &'static Encoding, bytes: &'b [u8]) -> Result<Cow<'b, str>, Fault> {
    let wrong = |at: usize| Fault::at(row(bytes, at), "not_text", &[("encoding", encoding.name().into())]);
    if encoding == UTF_8 {
        let text = std::str::from_utf8(bytes).map_err(|error| wrong(error.valid_up_to()))?;
        if let Some(at) = memchr::memchr(0, text.as_bytes()) {
            return Err(Fault::at(row(bytes, at), "nul", &[]));
        }
        return Ok(Cow::Borrowed(text));
    }
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes).ok_or_else(|| wrong(0))?;
    match memchr::memchr(0, text.as_bytes()) {
        Some(at) => Err(Fault::at(row(text.as_bytes(), at), "nul", &[])),
        None => Ok(text),
    }
}

/// UTF-16 without a mark: every second byte of its beginning is zero, and no other.
fn utf16(bytes: &[u8]) -> Option<&'static Encoding> {
    let begin = bytes.get(..bytes.len().min(64) & !1).filter(|begin| begin.len() >= 8)?;
    let zeros = |odd: usize| begin.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    let half = begin.len() / 2;
    match (zeros(0), zeros(1)) {
        (0, odd) if odd * 10 > half * 8 => Some(UTF_16LE),
        (even, 0) if even * 10 > half * 8 => Some(UTF_16BE),
        _ => None,
    }
}

/// What is no UTF-8 is Windows-1252, unless parts of it are UTF-8 beyond doubt: then two files were put into one.
fn windows(bytes: &[u8], first_wrong: usize) -> Result<Cow<'_, str>, Fault> {
    let accents = |part: &[u8]| std::str::from_utf8(part).is_ok_and(|part| !part.is_ascii());
    if bytes.split(|byte| *byte == b'\n').any(accents) {
        return Err(Fault::at(row(bytes, first_wrong), "mixed_encodings", &[]));
    }
    // The C1 controls of Windows-1252 stand in no text.
    if let Some(at) = bytes.iter().position(|byte| matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d)) {
        return Err(Fault::at(row(bytes, at), "not_text", &[("encoding", WINDOWS_1252.name().into())]));
    }
    Ok(WINDOWS_1252.decode_without_bom_handling(bytes).0)
}

fn row(bytes: &[u8], at: usize) -> u32 {
    let before = bytes.get(..at).unwrap_or_default();
    u32::try_from(memchr::memchr_iter(b'\n', before).count() + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        text.encode_utf16()
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect()
    }

    #[test]
    fn the_encodings_of_spreadsheets_read_the_same() {
        let expected = "id;Catégorie\n1;Employé qualifié œ €\n";
        let marked = |mark: &[u8], rest: Vec<u8>| [mark, &rest].concat();
        let windows = WINDOWS_1252.encode(expected).0.into_owned();
        for bytes in [
            expected.as_bytes().to_vec(),
            marked(&[0xef, 0xbb, 0xbf], expected.as_bytes().to_vec()),
            marked(&[0xff, 0xfe], utf16(expected, false)),
            marked(&[0xfe, 0xff], utf16(expected, true)),
            utf16("id;nom\n1;a\n", false),
            utf16("id;nom\n1;a\n", true),
            windows,
        ] {
            let read = text(&bytes).unwrap();
            assert!(read == expected || read == "id;nom\n1;a\n", "{read}");
        }
    }

    #[test]
    fn what_is_no_text_is_told_with_its_row() {
        let fault = |bytes: &[u8]| {
            let fault = text(bytes).unwrap_err();
            (fault.code, fault.row)
        };
        assert_eq!(fault(b"id;nom\n1;a\0b\n"), ("nul".into(), Some(2)));
        assert_eq!(fault(b"id\n\xc3\xa9\n\xe9\n"), ("mixed_encodings".into(), Some(3)));
        assert_eq!(fault(b"id\n1\n\xe9\x81\n"), ("not_text".into(), Some(3)));
        assert_eq!(fault(b"\xef\xbb\xbfid\n\xe9\n").0, "not_text");
        assert_eq!(fault(b"\xff\xfei\0d\0\n\0\x00\xd8\n\0").0, "not_text");
    }
}
