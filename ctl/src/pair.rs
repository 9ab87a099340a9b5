//! `pair`: shows QR codes and instructions until the phone is linked.
//!
//! Converts the agent's frames to one of three outputs: a live terminal screen, plain text, or JSON. Closing the stream
//! stops the pairing, so ending this process is enough.

mod authenticator;
mod dialog;
mod file;
mod frame;
mod frames;
mod keyboard;
mod outcome;
pub(crate) mod page;
mod passkey;
mod plain;
mod target;
mod terminal;
mod view;

use std::time::Duration;

use openclaw_proto::v1::{Linked, PairFrame};
use tokio::signal::unix::SignalKind;
use tokio::time::{Interval, interval};

use crate::address::Address;
use crate::cli::PairArgs;
use crate::failure::{Exit, Failure};
use crate::stop::{Stops, listen};
use crate::{clock, console};
use authenticator::Authenticator;
use dialog::Dialog;
pub(crate) use file::{is_special, special};
use frame::Shown;
use frames::{Frames, Next};
use passkey::Challenge;
use plain::Plain;
use target::Target;
use terminal::Screen;

/// Twice a second, so that the countdown skips no second.
const COUNTDOWN_INTERVAL: Duration = Duration::from_millis(500);

/// Pairs. Exit code 0 means that the phone is linked.
pub(crate) async fn run(address: &Address, args: &PairArgs, json: bool) -> Result<Exit, Failure> {
    if args.web {
        return page::run(address, args, json).await;
    }
    let target = Target::parse(args)?;
    let request = frames::request(args)?;
    let authenticator = Authenticator::chosen(args, json)?;
    let live = console::is_screen() && !json && matches!(target, Target::Unicode | Target::Ascii);
    let style = target::style(&target, args.invert);
    // Before the agent is called, so that an unwritable file is reported first.
    let plain = match live {
        true => None,
        false => Some(Plain::new(target, args, json)?),
    };
    let mut stops = Stops::listen()?;
    let (agent, frames) = frames::begin(address, request, json, &mut stops).await?;
    let mut output = match plain {
        Some(plain) => Output::Plain(plain),
        None => Output::Screen(Box::new(Screen::enter(style)?)),
    };
    let mut dialog = Dialog::new(agent, args, authenticator, json);
    let result = follow(frames, &mut output, &mut dialog, &mut stops).await;
    dialog.finished();
    let raw = matches!(&output, Output::Plain(plain) if plain.is_raw());
    // The terminal is restored and the file removed before anything else is printed.
    drop(output);
    outcome::report(&result?, json, raw);
    Ok(Exit::Done)
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
    mut frames: Frames,
    output: &mut Output,
    dialog: &mut Dialog,
    stops: &mut Stops,
) -> Result<Linked, Failure> {
    let mut tick: Interval = interval(COUNTDOWN_INTERVAL);
    let mut resize = listen(SignalKind::window_change())?;
    output.refresh(false)?;
    loop {
        let next = tokio::select! {
            next = frames.next() => next?,
            _ = tick.tick() => {
                output.refresh(false)?;
                dialog.refresh(clock::now());
                continue;
            }
            given = dialog.next() => {
                let taken = stops.or(|| frames.stopped(), dialog.take(given)).await;
                taken.map_err(frames::unseen)?;
                continue;
            }
            _ = resize.recv() => {
                output.refresh(true)?;
                continue;
            }
            () = stops.next() => return Err(frames.stopped()),
        };
        match next {
            Next::Linked(linked) => return Ok(linked),
            Next::Show(next) => {
                let (shown, frame) = *next;
                let asks = Asks::of(&shown);
                match output.show(shown, &frame).and_then(|()| asks.put(dialog)) {
                    // The phone has accepted: it is linked, even if that cannot be shown.
                    Err(_) if frames.is_scanned() => {}
                    Err(failure) => return Err(frames::unseen(failure)),
                    Ok(()) => {}
                }
            }
        }
    }
}
