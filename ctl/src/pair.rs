//! `pair`: shows QR codes and instructions until the phone is linked.
//!
//! Converts the agent's frames to one of three outputs: a live terminal screen, plain text, or JSON. Closing the stream
//! stops the pairing, so ending this process is enough.

mod dialog;
mod file;
mod frame;
mod keyboard;
mod passkey;
mod plain;
mod target;
mod terminal;
mod view;

use std::time::Duration;

use openclaw_proto::v1::pair_frame::Frame as Wire;
use openclaw_proto::v1::pair_request::How;
use openclaw_proto::v1::{
    Linked, PairFailureReason, PairFrame, PairRequest, PhoneCodeMethod, QrMethod,
};
use tokio::signal::unix::SignalKind;
use tokio::time::{Interval, interval};
use tonic::{Status, Streaming};

use crate::address::Address;
use crate::cli::PairArgs;
use crate::failure::{Exit, Failure, is_transport};
use crate::numbers::Numbers;
use crate::render::word::word;
use crate::rollback::check::RollbackCheck;
use crate::stop::{Stops, listen};
use crate::{client, clock, console, duration, numbers};
use dialog::Dialog;
pub(crate) use file::{is_special, special};
use frame::{Frame, Outcome, Shown};
use passkey::Challenge;
use plain::Plain;
use target::Target;
use terminal::Screen;

/// Twice a second, so that the countdown skips no second.
const COUNTDOWN_INTERVAL: Duration = Duration::from_millis(500);
const NEXT: &str =
    "next: `openclawctl status` shows the link, `openclawctl watch` follows messages";

/// Pairs. Exit code 0 means that the phone is linked.
pub(crate) async fn run(address: &Address, args: &PairArgs, json: bool) -> Result<Exit, Failure> {
    let target = Target::parse(args)?;
    let request = request(args)?;
    let live = console::is_screen() && !json && matches!(target, Target::Unicode | Target::Ascii);
    let style = target::style(&target, args.invert);
    // Before the agent is called, so that an unwritable file is reported first.
    let plain = match live {
        true => None,
        false => Some(Plain::new(target, args, json)?),
    };
    let mut stops = Stops::listen()?;
    let mut agent = client::agent(address).await?;
    let open = async {
        RollbackCheck::new(json).look(&mut agent).await;
        Ok(client::taken(agent.pair(request).await?))
    };
    let stream = stops.or(|| stopped(false), open).await?;
    let mut output = match plain {
        Some(plain) => Output::Plain(plain),
        None => Output::Screen(Box::new(Screen::enter(style)?)),
    };
    let mut dialog = Dialog::new(agent, args, json);
    let result = follow(stream, &mut output, &mut dialog, &mut stops).await;
    dialog.finished();
    let raw = matches!(&output, Output::Plain(plain) if plain.is_raw());
    // The terminal is restored and the file removed before anything else is printed.
    drop(output);
    let linked = result?;
    if json {
        console::report_json(&PairFrame {
            frame: Some(Wire::Linked(linked)),
        });
        return Ok(Exit::Done);
    }
    let linked = format!("Linked: {}", Numbers::chosen().show(&linked.phone));
    if raw {
        console::note(&linked);
    } else {
        console::report(&linked);
    }
    console::note(NEXT);
    Ok(Exit::Done)
}

fn request(args: &PairArgs) -> Result<PairRequest, Failure> {
    let how = match args.phone.as_deref() {
        None => How::Qr(QrMethod {}),
        Some(given) => {
            let phone = numbers::phone("--phone", given)?;
            How::PhoneCode(PhoneCodeMethod { phone })
        }
    };
    Ok(PairRequest {
        how: Some(how),
        replace: args.replace,
        device_name: args.device_name.clone().unwrap_or_default(),
        timeout: args.timeout.and_then(duration::to_wire),
    })
}

enum Output {
    Screen(Box<Screen>),
    Plain(Plain),
}

impl Output {
    /// Shows a frame. The passkey ceremony needs the main screen: its texts are copied, and an answer is pasted.
    fn show(&mut self, shown: Shown, frame: &PairFrame) -> Result<(), Failure> {
        if let (Self::Screen(screen), Shown::Passkey(_) | Shown::Compare { .. }) = (&*self, &shown)
        {
            *self = Self::Plain(Plain::text(screen.style()));
        }
        match self {
            Self::Screen(screen) => screen.show(shown, clock::now()),
            Self::Plain(plain) => plain.show(&shown, frame, clock::now()),
        }
    }

    /// Updates the countdown, or redraws after a resize.
    fn refresh(&mut self, resized: bool) -> Result<(), Failure> {
        match self {
            Self::Screen(screen) => screen.refresh(resized, clock::now()),
            Self::Plain(_) => Ok(()),
        }
    }
}

/// What a frame asks of the person.
enum Asks {
    Nothing,
    Assertion(Challenge),
    Code,
    /// The ceremony is over.
    NoMore,
}

impl Asks {
    fn of(shown: &Shown) -> Self {
        match shown {
            Shown::Passkey(challenge) => Self::Assertion(challenge.clone()),
            Shown::Compare { .. } => Self::Code,
            Shown::Scanned => Self::NoMore,
            Shown::Waiting | Shown::Qr { .. } | Shown::PhoneCode { .. } => Self::Nothing,
        }
    }

    fn put(self, dialog: &mut Dialog) -> Result<(), Failure> {
        match self {
            Self::Nothing => Ok(()),
            Self::Assertion(challenge) => dialog.challenged(challenge),
            Self::Code => dialog.compares(),
            Self::NoMore => {
                dialog.finished();
                Ok(())
            }
        }
    }
}

/// Shows frames until the phone is linked.
async fn follow(
    mut stream: Streaming<PairFrame>,
    output: &mut Output,
    dialog: &mut Dialog,
    stops: &mut Stops,
) -> Result<Linked, Failure> {
    let mut tick: Interval = interval(COUNTDOWN_INTERVAL);
    let mut resize = listen(SignalKind::window_change())?;
    let mut scanned = false;
    output.refresh(false)?;
    loop {
        let next = tokio::select! {
            next = stream.message() => next,
            _ = tick.tick() => {
                output.refresh(false)?;
                dialog.refresh(clock::now());
                continue;
            }
            given = dialog.next() => {
                let take = async {
                    dialog.take(given).await;
                    Ok(())
                };
                stops.or(|| stopped(scanned), take).await?;
                continue;
            }
            _ = resize.recv() => {
                output.refresh(true)?;
                continue;
            }
            () = stops.next() => return Err(stopped(scanned)),
        };
        let frame = match next {
            Ok(Some(frame)) => frame,
            Ok(None) => return Err(cut_short(None, scanned)),
            Err(status) => return Err(cut_short(Some(status), scanned)),
        };
        match Frame::try_from(frame.clone())? {
            Frame::Shown(shown) => {
                scanned |= matches!(shown, Shown::Scanned);
                let asks = Asks::of(&shown);
                match output.show(shown, &frame).and_then(|()| asks.put(dialog)) {
                    // The phone has accepted: it is linked, even if that cannot be shown.
                    Err(_) if scanned => {}
                    Err(failure) => return Err(unseen(failure)),
                    Ok(()) => {}
                }
            }
            Frame::Outcome(Outcome::Linked(linked)) => return Ok(linked),
            Frame::Outcome(Outcome::Failed { reason, hint }) => {
                let word = word::<PairFailureReason>(reason.into()).to_ascii_uppercase();
                return Err(Failure::new(frame::why_failed(reason))
                    .with_reason(word)
                    .with_hint(hint));
            }
            Frame::Unknown => {}
        }
    }
}

/// The failure when a code cannot be shown: the phone is not linked, so a closed stdout is a failure as well.
fn unseen(failure: Failure) -> Failure {
    match failure.exit() {
        Exit::Done => Failure::new("stdout was closed: no one sees the code")
            .with_reason("STDOUT_CLOSED")
            .with_hint(after(false)),
        _ => failure,
    }
}

fn cut_short(status: Option<Status>, scanned: bool) -> Failure {
    let failure = match status {
        Some(status) if !is_transport(&status) => return Failure::from(status),
        Some(_) => Failure::unreachable("the connection to the agent was lost while pairing")
            .with_reason("CONNECTION_LOST"),
        None => Failure::new("the agent ended the pairing without a result")
            .with_reason("STREAM_TRUNCATED"),
    };
    failure.with_hint(after(scanned))
}

fn stopped(scanned: bool) -> Failure {
    Failure::new("stopped before the phone was linked")
        .with_reason("STOPPED")
        .with_hint(after(scanned))
}

fn after(scanned: bool) -> &'static str {
    if scanned {
        "the phone had accepted the code: `openclawctl status` shows whether it is linked"
    } else {
        "run `openclawctl pair` again for a new code"
    }
}
