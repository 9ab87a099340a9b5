//! The query of a GET: `chat=%2B15550100002&page=…`.

use crate::failure::Failure;

/// A query, as the browser sent it.
pub(super) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    pub(super) const fn new(query: &'a str) -> Self {
        Self(query)
    }

    /// The value of this name; empty if there is none.
    pub(super) fn text(&self, name: &str) -> Result<String, Failure> {
        let mut pairs = self.0.split('&').filter_map(|pair| pair.split_once('='));
        match pairs.find(|(found, _)| *found == name) {
            None => Ok(String::new()),
            Some((_, value)) => decoded(value).ok_or_else(|| unreadable(name)),
        }
    }

    /// The number of this name, if there is one.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        let text = self.text(name)?;
        if text.is_empty() {
            return Ok(None);
        }
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_plain.then(|| text.parse().ok()).flatten();
        number.map(Some).ok_or_else(|| unreadable(name))
    }

    /// The values of this name, which are separated by commas.
    pub(super) fn list(&self, name: &str) -> Result<Vec<String>, Failure> {
        let text = self.text(name)?;
        let parts = text.split(',').filter(|part| !part.is_empty());
        Ok(parts.map(str::to_owned).collect())
    }
}

fn unreadable(name: &str) -> Failure {
    Failure::usage(format!("the page sent an unreadable {name}")).with_hint("reload the page")
}

/// Without percent signs and plus signs, as the URL standard encodes them.
fn decoded(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_as_browsers_encode_them() {
        let query = Query::new("chat=%2B1555&name=a+b%C3%A9%26&page=&seq=17&kinds=link,call");
        assert_eq!(query.text("chat").unwrap(), "+1555");
        assert_eq!(query.text("name").unwrap(), "a bé&");
        assert_eq!(query.text("page").unwrap(), "");
        assert_eq!(query.text("none").unwrap(), "");
        assert_eq!(query.number("seq").unwrap(), Some(17));
        assert_eq!(query.number("page").unwrap(), None);
        assert_eq!(query.list("kinds").unwrap(), ["link", "call"]);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for wrong in ["a=%", "a=%4", "a=%zz", "a=%ff"] {
            assert!(Query::new(wrong).text("a").is_err(), "{wrong}");
        }
        for wrong in ["a=-1", "a=%2B1", "a=1x", "a=99999999999999999999"] {
            assert!(Query::new(wrong).number("a").is_err(), "{wrong}");
        }
    }
}
