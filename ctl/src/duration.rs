//! Durations on the command line: `45s`, `5m`, `1h30m`, `500ms`.

use std::time::Duration;

/// Parses a sum of numbers with units. A number without unit is refused.
pub(crate) fn parse(given: &str) -> Result<Duration, String> {
    let wrong = || "give a time with its unit, for example 30s, 5m or 1h".to_owned();
    let mut rest = given.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let count: u64 = rest[..end].parse().map_err(|_| wrong())?;
        rest = &rest[end..];
        let end = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let seconds = match rest[..end].trim() {
            "ms" => {
                total = total
                    .checked_add(Duration::from_millis(count))
                    .ok_or_else(wrong)?;
                0
            }
            "s" | "sec" => 1,
            "m" | "min" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return Err(wrong()),
        };
        let part = count.checked_mul(seconds).ok_or_else(wrong)?;
        total = total
            .checked_add(Duration::from_secs(part))
            .ok_or_else(wrong)?;
        rest = &rest[end..];
    }
    if total.is_zero() {
        return Err("give a time above zero".to_owned());
    }
    Ok(total)
}

/// `duration` as a protobuf duration.
pub(crate) fn to_wire(duration: Duration) -> Option<prost_types::Duration> {
    prost_types::Duration::try_from(duration).ok()
}

/// `3 s`, `2 min`, `1 h 30 min`: `duration` for a person.
pub(crate) fn words(duration: Duration) -> String {
    if duration.subsec_millis() > 0 && duration < Duration::from_secs(60) {
        return format!("{} s", duration.as_secs_f64());
    }
    let seconds = duration.as_secs();
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let words_of_parts: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    words_of_parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_with_units_add_up() {
        assert_eq!(parse("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse("7d"), Ok(Duration::from_secs(604_800)));
        assert_eq!(parse("2 min"), Ok(Duration::from_secs(120)));
        assert_eq!(parse("1500ms"), Ok(Duration::from_millis(1500)));
    }

    #[test]
    fn a_duration_is_shown_with_units() {
        for (given, words) in [
            ("3s", "3 s"),
            ("1500ms", "1.5 s"),
            ("90s", "1 min 30 s"),
            ("1h", "1 h"),
            ("2d", "2 d"),
        ] {
            assert_eq!(super::words(parse(given).expect("a time")), words);
        }
    }

    #[test]
    fn invalid_durations_are_refused() {
        for wrong in [
            "",
            "30",
            "s",
            "5x",
            "-5s",
            "0s",
            "99999999999999999999h",
            "18446744073709551615h",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
