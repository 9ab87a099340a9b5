//! Sizes on the command line: `500kB`, `16MB`, `1GB`.

/// Parses a number and a decimal unit, the form in which sizes are shown.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        _ => return Err("use a number and B, kB, MB or GB".to_owned()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "begins with no number".to_owned())?;
    match number.checked_mul(unit) {
        Some(0) => Err("must be above zero".to_owned()),
        Some(bytes) => Ok(bytes),
        None => Err("is too large".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_and_a_unit() {
        for (text, bytes) in [
            ("1", 1),
            ("500kB", 500_000),
            ("16 MB", 16_000_000),
            ("2g", 2_000_000_000),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "MB", "-1", "1.5MB", "1TB", "0", "99999999999GB"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
