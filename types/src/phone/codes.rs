//! The assigned country codes, and the countries in which no number begins with 0.
//!
//! This is deliberately not a metadata crate. An input that is refused here must be wrong for years to come: country
//! codes hardly ever change, but number ranges change every month, and a number from a range newer than the build would
//! be refused. Such crates are also large: `rlibphonenumber` 2.2 adds a regex engine and 230 kB of tables to each
//! binary, `phonenumber` 0.3 even more.

/// Two-digit codes (20 is Egypt): ITU-T, list of E.164 assigned country codes (Operational Bulletin 1114, 15.12.2016,
/// and its amendments). Only 1 and 7 have one digit.
const TWO_DIGITS: &[u16] = &[
    20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56,
    57, 58, 60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
];

/// Three-digit codes from the same list, as inclusive ranges. Plus 970, which the list reserves and Palestine uses, 383
/// (Kosovo, assigned in 2016) and 888, which other lists still contain.
const THREE_DIGITS: &[(u16, u16)] = &[
    (211, 213),
    (216, 216),
    (218, 218),
    (220, 258),
    (260, 269),
    (290, 291),
    (297, 299),
    (350, 359),
    (370, 383),
    (385, 387),
    (389, 389),
    (420, 421),
    (423, 423),
    (500, 509),
    (590, 599),
    (670, 670),
    (672, 683),
    (685, 692),
    (800, 800),
    (808, 808),
    (850, 850),
    (852, 853),
    (855, 856),
    (870, 870),
    (878, 878),
    (880, 883),
    (886, 886),
    (888, 888),
    (960, 968),
    (970, 977),
    (979, 979),
    (992, 996),
    (998, 998),
];

/// Codes of the countries whose trunk prefix is 0 and where no number that can be called from abroad begins with 0: a 0
/// right after the country code is a leftover trunk prefix. From libphonenumber's PhoneNumberMetadata.xml 9.0.33:
/// `nationalPrefix` begins with 0, and no pattern of fixed, mobile, personal or IP numbers begins with 0. Not included,
/// because their numbers keep the 0: Italy (39), San Marino (378), Côte d'Ivoire (225), Gabon (241), Congo (242), Benin
/// (229) and others.
const NO_ZERO_AFTER: &[u16] = &[
    20, 27, 31, 32, 33, 36, 40, 41, 43, 44, 46, 49, 51, 53, 54, 55, 57, 58, 60, 61, 62, 63, 64, 66,
    81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98, 211, 212, 213, 218, 231, 232, 233, 234, 243, 249,
    251, 252, 254, 255, 256, 260, 261, 262, 263, 264, 265, 291, 353, 355, 358, 359, 370, 373, 374,
    377, 380, 381, 382, 383, 385, 386, 387, 389, 421, 423, 508, 590, 591, 593, 594, 595, 596, 598,
    686, 850, 855, 856, 880, 886, 961, 962, 963, 964, 966, 967, 970, 971, 972, 976, 977, 994, 995,
    996,
];

/// Codes of countries without a trunk prefix and without numbers that begin with 0: Greece, Spain, Denmark, Poland,
/// Singapore, Portugal, Czechia, Hong Kong; and Mexico, which abolished 01, 044 and 045. From each country's numbering
/// plan, as filed with the ITU under E.129. Not included, because they have numbers that begin with 0: Norway (02800)
/// and Macau (0800).
const NO_PREFIX_NO_ZERO: &[u16] = &[30, 34, 45, 48, 52, 65, 351, 420, 852];

/// The number of digits after the country code, for countries where it is fixed.
const NATIONAL_DIGITS: &[(u16, usize)] = &[(1, 10), (7, 10)];

/// The required number of digits after the country code, if the country has a fixed length and `national` has another.
pub(super) fn other_length(code: u16, national: &str) -> Option<usize> {
    let mut known = NATIONAL_DIGITS.iter().filter(|(of, _)| *of == code);
    let (_, digits) = known.next()?;
    (national.len() != *digits).then_some(*digits)
}

/// The length of the country code at the start of `digits`, whether or not it is assigned.
pub(crate) fn code_length(digits: &str) -> usize {
    let starts = |code: &u16| digits.starts_with(code.to_string().as_str());
    if digits.starts_with(['1', '7']) {
        1
    } else if TWO_DIGITS.iter().any(starts) {
        2
    } else {
        3
    }
}

/// The country code at the start of `digits`, and whether it is assigned. `None` if there are too few digits.
pub(super) fn country_code(digits: &str) -> Option<(u16, bool)> {
    let length = code_length(digits);
    let code: u16 = digits.get(..length)?.parse().ok()?;
    let assigned = |(first, last): &(u16, u16)| (*first..=*last).contains(&code);
    Some((code, length < 3 || THREE_DIGITS.iter().any(assigned)))
}

/// The first digit after the country code, if no number of that country begins with it.
pub(super) fn trunk_digit(code: u16, national: &str) -> Option<char> {
    let first = national.chars().next()?;
    let wrong = match code {
        // North American area codes begin with 2 to 9.
        1 => matches!(first, '0' | '1'),
        // Russia and Kazakhstan, whose trunk prefix is 8. Their numbers may begin with 8 too (800); those do not have
        // an additional digit.
        7 => matches!(first, '0' | '1') || first == '8' && national.len() == 11,
        code => {
            first == '0'
                && (NO_ZERO_AFTER.binary_search(&code).is_ok() || NO_PREFIX_NO_ZERO.contains(&code))
        }
    };
    wrong.then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_do_not_overlap() {
        assert!(TWO_DIGITS.is_sorted() && NO_ZERO_AFTER.is_sorted());
        assert!(THREE_DIGITS.is_sorted_by(|a, b| a.0 <= a.1 && a.1 < b.0));
        for (first, _) in THREE_DIGITS {
            assert!(!TWO_DIGITS.contains(&(first / 10)), "{first}");
        }
    }

    #[test]
    fn every_code_without_a_zero_is_assigned() {
        for code in NO_ZERO_AFTER {
            assert_eq!(country_code(&code.to_string()), Some((*code, true)));
        }
    }

    #[test]
    fn unassigned_codes_are_recognised() {
        for spare in [
            "210", "214", "259", "281", "292", "384", "388", "422", "671", "684", "693", "801",
            "830", "851", "871", "884", "890", "969", "978", "990", "999",
        ] {
            let code = spare.parse().ok();
            assert_eq!(country_code(spare), code.map(|code: u16| (code, false)));
        }
        assert_eq!(country_code("2"), None);
    }

    #[test]
    fn a_zero_after_the_code_stays_where_numbers_begin_with_it() {
        for kept in [39, 378, 225, 241, 242, 229, 226, 227, 250] {
            assert_eq!(trunk_digit(kept, "0612345"), None, "{kept}");
        }
        for wrong in [44, 49, 33, 81, 91, 55, 353] {
            assert_eq!(trunk_digit(wrong, "0612345"), Some('0'), "{wrong}");
        }
        for wrong in NO_PREFIX_NO_ZERO {
            assert_eq!(trunk_digit(*wrong, "0612345"), Some('0'), "{wrong}");
            assert!(country_code(&wrong.to_string()).is_some_and(|(_, assigned)| assigned));
        }
        assert_eq!(trunk_digit(7, "89165550100"), Some('8'));
        assert_eq!(trunk_digit(7, "8005550100"), None);
        assert_eq!(trunk_digit(1, "1555"), Some('1'));
        assert_eq!(trunk_digit(1, "555"), None);
    }
}
