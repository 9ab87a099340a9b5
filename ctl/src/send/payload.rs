//! Builds requests from the arguments.

use openclaw_proto::v1::content::Kind;
use openclaw_proto::v1::message_ref::By;
use openclaw_proto::v1::send_request::Payload;
use openclaw_proto::v1::{
    Contact, ContactCard, ContactCards, Content, DeletionDraft, EditDraft, Location, Media,
    MessageKey, MessageRef, Poll, PollOption, PollVoteDraft, ReactionDraft, SendRequest,
};

use super::text_arg::text_to_send;
use crate::cli::{DeleteArgs, EditArgs, PollArgs, ReactArgs, SendArgs, TargetArgs, VoteArgs};
use crate::failure::Failure;
use crate::numbers::{person, phone, recipient};

/// `send`.
pub(crate) fn message(args: &SendArgs) -> Result<SendRequest, Failure> {
    let kind = if let Some(at) = &args.location {
        let caption = args.text.clone().unwrap_or_default();
        Kind::Location(Location {
            name: args.name.clone().unwrap_or_default(),
            address: args.address.clone().unwrap_or_default(),
            caption,
            ..location(at)?
        })
    } else if args.contact.is_empty() {
        return with_text(args);
    } else {
        let cards = args.contact.iter().map(|card| contact(card));
        Kind::Contacts(ContactCards {
            cards: cards.collect::<Result<_, _>>()?,
        })
    };
    request(
        args,
        Content {
            kind: Some(kind),
            ..Content::default()
        },
    )
}

/// `send`, of a file that was uploaded.
pub(super) fn file(args: &SendArgs, media_id: String) -> Result<SendRequest, Failure> {
    let kind = Kind::Media(Media {
        media_id,
        caption: args.file.caption.clone().unwrap_or_default(),
        view_once: args.file.view_once,
        ..Media::default()
    });
    request(
        args,
        Content {
            kind: Some(kind),
            ..Content::default()
        },
    )
}

fn with_text(args: &SendArgs) -> Result<SendRequest, Failure> {
    // Problems of the arguments are reported before stdin is read.
    let to = recipient("TO", &args.to)?;
    let text = text_to_send(args.text.as_deref())?;
    let request = request(args, Content::of_text(text))?;
    Ok(SendRequest { to, ..request })
}

fn request(args: &SendArgs, content: Content) -> Result<SendRequest, Failure> {
    let content = Content {
        mentions: mentions(&args.mention)?,
        ..content
    };
    Ok(SendRequest {
        to: recipient("TO", &args.to)?,
        payload: Some(Payload::Content(content)),
        reply_to: args.reply.map(by_seq),
        ..SendRequest::default()
    })
}

/// `react`.
pub(crate) fn reaction(args: &ReactArgs) -> Result<SendRequest, Failure> {
    Ok(about(Payload::Reaction(ReactionDraft {
        target: Some(target(&args.target)?),
        emoji: args.emoji.clone().unwrap_or_default(),
    })))
}

/// `edit`.
pub(crate) fn edit(args: &EditArgs) -> Result<SendRequest, Failure> {
    let target = Some(target(&args.target)?);
    let mentions = mentions(&args.mention)?;
    let content = Content {
        mentions,
        ..Content::of_text(text_to_send(args.text.as_deref())?)
    };
    Ok(about(Payload::Edit(EditDraft {
        target,
        content: Some(content),
    })))
}

/// `delete`.
pub(crate) fn deletion(args: &DeleteArgs) -> Result<SendRequest, Failure> {
    Ok(about(Payload::Deletion(DeletionDraft {
        target: Some(target(&args.target)?),
    })))
}

/// `poll`.
pub(crate) fn poll(args: &PollArgs) -> Result<SendRequest, Failure> {
    let content = Content {
        kind: Some(Kind::Poll(Poll {
            question: args.question.clone(),
            options: options(&args.options),
            selectable: args.max,
        })),
        ..Content::default()
    };
    Ok(SendRequest {
        to: recipient("TO", &args.to)?,
        payload: Some(Payload::Content(content)),
        ..SendRequest::default()
    })
}

/// `vote`.
pub(crate) fn vote(args: &VoteArgs) -> Result<SendRequest, Failure> {
    Ok(about(Payload::PollVote(PollVoteDraft {
        target: Some(target(&args.target)?),
        options: options(&args.options),
    })))
}

/// `to` is empty: the request goes to the chat of the referenced message.
fn about(payload: Payload) -> SendRequest {
    SendRequest {
        payload: Some(payload),
        ..SendRequest::default()
    }
}

fn by_seq(seq: u64) -> MessageRef {
    let by = Some(By::Seq(seq));
    MessageRef { by }
}

pub(crate) fn target(args: &TargetArgs) -> Result<MessageRef, Failure> {
    let Some(chat) = &args.chat else {
        let seq = args.message.parse().map_err(|_| {
            Failure::usage("MESSAGE: not the number of an event").with_hint(
                "`openclawctl events` lists them; to name a message by its id, add --chat",
            )
        })?;
        return Ok(by_seq(seq));
    };
    let sender = args.sender.as_deref();
    let by = By::Key(MessageKey {
        chat: recipient("--chat", chat)?,
        id: args.message.clone(),
        sender: sender.map(|who| contact_of("--sender", who)).transpose()?,
    });
    Ok(MessageRef { by: Some(by) })
}

fn mentions(mentions: &[String]) -> Result<Vec<Contact>, Failure> {
    let mentions = mentions.iter().map(|who| contact_of("--mention", who));
    mentions.collect()
}

fn contact_of(argument: &str, given: &str) -> Result<Contact, Failure> {
    let address = person(argument, given)?;
    let (phone, lid) = match address.ends_with("@lid") {
        true => (String::new(), address),
        false => (address, String::new()),
    };
    Ok(Contact { phone, lid })
}

fn options(names: &[String]) -> Vec<PollOption> {
    let options = names.iter().cloned();
    options.map(|name| PollOption { name }).collect()
}

fn location(at: &str) -> Result<Location, Failure> {
    let degrees = |text: &str| text.trim().parse().ok();
    let both = at.split_once(',');
    let both = both.and_then(|(lat, lon)| Some((degrees(lat)?, degrees(lon)?)));
    let Some((latitude, longitude)) = both else {
        return Err(Failure::usage("--location: not a latitude and a longitude")
            .with_hint("write both in degrees: --location=-36.84846,174.76333"));
    };
    Ok(Location {
        latitude,
        longitude,
        ..Location::default()
    })
}

/// `NAME:NUMBER`. A name may have colons.
fn contact(card: &str) -> Result<ContactCard, Failure> {
    let parts = card
        .rsplit_once(':')
        .filter(|(name, _)| !name.trim().is_empty());
    let Some((name, number)) = parts else {
        return Err(Failure::usage("--contact: not a name and a number")
            .with_hint("write it like \"Anna Smith:+15550100123\""));
    };
    Ok(ContactCard {
        name: name.trim().to_owned(),
        phones: vec![phone("--contact", number)?],
        ..ContactCard::default()
    })
}
