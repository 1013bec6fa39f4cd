//! A name for all that was asked: the same request has the same, whatever the order of its members.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// SHA-256, in hexadecimal, of the request with its members in order (as RFC 8785 has them) and of the lines of data
/// beside it.
pub fn digest(request: &Value, lines: Option<&str>) -> String {
    let mut text = String::new();
    ordered(request, &mut text);
    let mut hash = Sha256::new();
    hash.update(text.as_bytes());
    if let Some(lines) = lines {
        hash.update([0]);
        hash.update(lines.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn ordered(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            text.push('{');
            for (index, name) in names.into_iter().enumerate() {
                separate(index, text);
                // Writing to a text does not fail.
                let _ = write!(text, "{}:", Value::String(name.clone()));
                ordered(&members[name], text);
            }
            text.push('}');
        }
        Value::Array(values) => {
            text.push('[');
            for (index, value) in values.iter().enumerate() {
                separate(index, text);
                ordered(value, text);
            }
            text.push(']');
        }
        // 1 and 1.0 are one number.
        Value::Number(number) => {
            let _ = match number.as_f64() {
                Some(number) => write!(text, "{number}"),
                None => write!(text, "{number}"),
            };
        }
        plain => {
            let _ = write!(text, "{plain}");
        }
    }
}

fn separate(index: usize, text: &mut String) {
    if index > 0 {
        text.push(',');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_names_what_is_asked_and_not_how_it_is_written() {
        let read = |text: &str| digest(&serde_json::from_str(text).unwrap(), None);
        let one = read(r#"{"a": 1, "b": [{"c": "é", "d": 0.5}]}"#);
        assert_eq!(one, read(r#"{"b":[{"d":5e-1,"c":"\u00e9"}],"a":1.0}"#));
        assert_eq!(one.len(), 64);
        for other in [r#"{"a": 2, "b": []}"#, r#"{"a": 1, "b": [{"c": "é"}, {"d": 0.5}]}"#, "{}"] {
            assert_ne!(one, read(other));
        }
        let request = serde_json::json!({});
        assert_ne!(digest(&request, None), digest(&request, Some("")));
        assert_ne!(digest(&request, Some("a")), digest(&request, Some("b")));
    }
}
