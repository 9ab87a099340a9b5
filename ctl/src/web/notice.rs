//! The small pages for a person whose request was refused.

use hyper::StatusCode;

use super::gate::Denied;
use super::response::Answer;

const PAGE: &str = include_str!("notice.html");

/// The page for a refusal.
pub(super) fn page(denied: Denied) -> Answer {
    let (status, title, next) = texts(denied);
    let refresh = match denied {
        Denied::FromElsewhere => "<meta http-equiv=\"refresh\" content=\"0\">",
        _ => "",
    };
    // The texts are ours: nothing in them needs escaping.
    let page = PAGE
        .replace("{refresh}", refresh)
        .replace("{title}", title)
        .replace("{next}", next);
    Answer::html(page).with_status(status)
}

const fn texts(denied: Denied) -> (StatusCode, &'static str, &'static str) {
    const AGAIN: &str = "Run the command again: the address that it prints works once.";
    match denied {
        Denied::WrongHost => (
            StatusCode::MISDIRECTED_REQUEST,
            "This page has another address",
            "Open the address that openclawctl printed, with 127.0.0.1 or localhost in it.",
        ),
        Denied::WrongOrigin => (
            StatusCode::FORBIDDEN,
            "Another site asked for this page",
            "Open the address that openclawctl printed in a tab of its own.",
        ),
        Denied::WrongMethod => (
            StatusCode::METHOD_NOT_ALLOWED,
            "This address cannot be used like that",
            "Open the address that openclawctl printed.",
        ),
        Denied::Used => (
            StatusCode::FORBIDDEN,
            "This address was used already",
            "It works once. If you used it, continue in the tab that it opened. If you did not, someone else has \
             opened the page: stop openclawctl with Ctrl-C, and run the command again for a new address.",
        ),
        Denied::WrongToken => (
            StatusCode::FORBIDDEN,
            "This address is not complete, or of an earlier run",
            "Copy the whole line that openclawctl printed last.",
        ),
        Denied::Early => (
            StatusCode::SERVICE_UNAVAILABLE,
            "This address cannot be loaded in advance",
            "Open it when you need it.",
        ),
        Denied::NoKey => (
            StatusCode::FORBIDDEN,
            "This browser has not opened the page",
            AGAIN,
        ),
        Denied::FromElsewhere => (StatusCode::OK, "Opening the page", AGAIN),
        Denied::Unknown => (
            StatusCode::NOT_FOUND,
            "There is no page at this address",
            "Open the address that openclawctl printed.",
        ),
    }
}
