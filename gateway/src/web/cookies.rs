//! The cookies of a request (RFC 6265 § 5.4).

use http::{HeaderMap, header};

/// Every cookie, in the order sent.
pub fn all(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let fields = headers.get_all(header::COOKIE).iter().filter_map(|field| field.to_str().ok());
    fields.flat_map(|field| field.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

/// The value of the only cookie of a name. Two of one name are none: one of them was planted.
pub fn sole<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = all(headers).filter(|(other, _)| *other == name).map(|(_, value)| value);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_cookie_that_stands_twice_is_none() {
        let ask = |text: &'static str| {
            let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(text))]);
            sole(&headers, "a").map(str::to_owned)
        };
        assert_eq!(ask("b=1; a=2;c=3").as_deref(), Some("2"));
        assert_eq!(ask("a=x=y").as_deref(), Some("x=y"));
        for none in ["", "a", "aa=1", "A=1", "a=1; a=1"] {
            assert_eq!(ask(none), None, "{none}");
        }
    }
}
