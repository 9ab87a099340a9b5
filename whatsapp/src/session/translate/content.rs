//! The content of a message. All lengths are bounded, and a kind without a variant of its own becomes `other`, with its
//! name.

mod file;
mod parts;

use openclaw_types::{
    Body, Contact, Content, MAX_QUOTED_BYTES, MessageId, Other, Poll, QuoteCheck, Quoted, Vote,
};
use whatsapp_rust::proto_helpers::MessageExt as _;
use whatsapp_rust::types::message::MessageSource;
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::waproto::whatsapp::message::buttons_response_message::Response;
use whatsapp_rust::waproto::whatsapp::message::pin_in_chat_message::Type as PinType;
use whatsapp_rust::waproto::whatsapp::message::protocol_message::Type;
use whatsapp_rust::waproto::whatsapp::message_association::AssociationType;

use super::{change::target, named};

/// The maximum length of a text, in bytes. WhatsApp's own limit is 65,536 characters.
const MAX_TEXT_BYTES: usize = 4 * 65_536;
/// The maximum length of a name, question or option, in bytes.
const MAX_NAME_BYTES: usize = 4_096;
/// The maximum number of options or names; a poll has up to 12 options.
const MAX_NAMES: usize = 64;
/// The maximum number of mentions: as many as a group has members.
const MAX_MENTIONS: usize = 1_024;
/// The maximum depth of nested wrappers.
const MAX_DEPTH: usize = 8;

/// The message inside the wrappers that control its presentation.
pub(super) fn unwrapped(message: &wa::Message) -> &wa::Message {
    macro_rules! inside {
        ($message:ident, $($field:ident),+ $(,)?) => {
            None$(.or_else(|| $message.$field.as_option()?.message.as_option()))+
        };
    }
    let mut core = message.get_base_message();
    for _ in 0..MAX_DEPTH {
        let inner = inside!(
            core,
            device_sent_message,
            ephemeral_message,
            view_once_message,
            view_once_message_v2,
            view_once_message_v2_extension,
            document_with_caption_message,
            edited_message,
            group_mentioned_message,
            bot_invoke_message,
            bot_forwarded_message,
            lottie_sticker_message,
            event_cover_image,
            associated_child_message,
            poll_creation_message_v4,
            poll_creation_option_image_message,
            group_status_message,
            group_status_message_v2,
            question_message,
            question_reply_message,
            spoiler_message,
        );
        match inner {
            Some(inner) => core = inner,
            None => break,
        }
    }
    core
}

pub(super) fn content(message: &wa::Message, source: &MessageSource) -> Content {
    let core = unwrapped(message);
    let whole = text(core);
    let text = cut(whole, MAX_TEXT_BYTES);
    let context = context(core);
    let mentioned = context.map_or(&[][..], |context| &context.mentioned_jid);
    let mentions: Vec<Contact> = mentioned
        .iter()
        .take(MAX_MENTIONS)
        .map(|jid| named(jid))
        .collect();
    Content {
        body: body(core, text, source),
        quoted: context.and_then(quoted),
        truncated: text.len() < whole.len() || mentions.len() < mentioned.len(),
        mentions,
        view_once: message.is_view_once(),
        forwarded: context.is_some_and(|context| context.is_forwarded == Some(true)),
        disappears_after: context
            .and_then(|context| context.expiration)
            .or_else(|| new_timer(core))
            .unwrap_or_default(),
        album: album(message).or_else(|| album(core)),
        // Who the account is, is not known here, except that everyone is mentioned.
        mentions_account: context.is_some_and(|it| it.non_jid_mentions.is_some_and(|it| it > 0)),
        preview: parts::preview(core).map(Box::new),
        album_parts: parts::album_parts(core).unwrap_or_default(),
    }
}

/// The chat's new timer in seconds, if a message changes it; 0 turns it off.
pub(super) fn new_timer(message: &wa::Message) -> Option<u32> {
    let protocol = message.protocol_message.as_option()?;
    let changes = protocol.r#type == Some(Type::EPHEMERAL_SETTING);
    changes.then(|| protocol.ephemeral_expiration.unwrap_or_default())
}

/// Whether a message of this kind has a field for its timer; without a value there, the message does not disappear.
pub(super) fn has_timer(message: &wa::Message) -> bool {
    message.conversation.is_some() || context(message).is_some() || new_timer(message).is_some()
}

/// The album that a picture or video belongs to.
fn album(message: &wa::Message) -> Option<MessageId> {
    let context = message.message_context_info.as_option()?;
    let association = context.message_association.as_option()?;
    let is_part = association.association_type == Some(AssociationType::MEDIA_ALBUM);
    let parent = association.parent_message_key.as_option()?.id.as_deref()?;
    (is_part && !parent.is_empty()).then(|| MessageId::new(parent))
}

fn quoted(context: &wa::ContextInfo) -> Option<Quoted> {
    let id = context.stanza_id.as_deref().filter(|id| !id.is_empty())?;
    let quoted = context.quoted_message.as_option().map(unwrapped);
    let whole = quoted.map(text).unwrap_or_default();
    let file = quoted.and_then(|message| file::media(message, ""));
    Some(Quoted {
        id: MessageId::new(id),
        sender: named(context.participant.as_deref().unwrap_or_default()),
        text: cut(whole, MAX_QUOTED_BYTES).to_owned(),
        media: file.map(Box::new),
        check: QuoteCheck::Unspecified,
    })
}

/// The context (quote, mentions and so on), from whichever content has one.
fn context(message: &wa::Message) -> Option<&wa::ContextInfo> {
    macro_rules! first {
        ($($field:ident),+ $(,)?) => {
            None$(.or_else(|| message.$field.as_option()?.context_info.as_option()))+
        };
    }
    first!(
        extended_text_message,
        image_message,
        video_message,
        ptv_message,
        audio_message,
        document_message,
        sticker_message,
        location_message,
        live_location_message,
        contact_message,
        contacts_array_message,
        poll_creation_message,
        poll_creation_message_v2,
        poll_creation_message_v3,
        poll_creation_message_v5,
        poll_creation_message_v6,
        event_message,
        group_invite_message,
        buttons_response_message,
        list_response_message,
        template_button_reply_message,
        interactive_response_message,
        album_message,
    )
}

/// The text truncated to at most `most` bytes, in whole characters.
pub(super) fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

fn name(text: Option<&str>) -> String {
    cut(text.unwrap_or_default(), MAX_NAME_BYTES).to_owned()
}

/// The text, the caption, or the equivalent field.
fn text(message: &wa::Message) -> &str {
    macro_rules! first {
        ($($field:ident . $text:ident),+ $(,)?) => {
            None$(.or_else(|| message.$field.as_option()?.$text.as_deref()))+
        };
    }
    message
        .text_content()
        .or_else(|| message.get_caption())
        .or_else(|| {
            first!(
                ptv_message.caption,
                live_location_message.caption,
                location_message.comment,
                group_invite_message.caption,
                event_message.description,
                template_button_reply_message.selected_display_text,
                list_response_message.title,
                buttons_message.content_text,
                list_message.description,
            )
        })
        .or_else(|| {
            let answer = message.buttons_response_message.as_option()?;
            let Response::SelectedDisplayText(text) = answer.response.as_ref()?;
            Some(text)
        })
        .or_else(|| {
            let answer = message.interactive_response_message.as_option()?;
            answer.body.as_option()?.text.as_deref()
        })
        .or_else(|| {
            let question = message.interactive_message.as_option()?;
            question.body.as_option()?.text.as_deref()
        })
        .unwrap_or_default()
}

/// The body of a message.
fn body(message: &wa::Message, text: &str, source: &MessageSource) -> Body {
    if message.conversation.is_some() || message.extended_text_message.is_set() {
        return Body::Text(text.to_owned());
    }
    file::media(message, text)
        .map(|media| Body::Media(Box::new(media)))
        .or_else(|| parts::location(message, text).map(Body::Location))
        .or_else(|| poll(message).map(Body::Poll))
        .or_else(|| parts::cards(message).map(Body::Contacts))
        .or_else(|| parts::choices(message, text).map(Body::Choices))
        .or_else(|| parts::choice(message, text).map(Body::Choice))
        .or_else(|| parts::event(message, text).map(Body::CalendarEvent))
        .or_else(|| parts::invite(message, text).map(Body::GroupInvite))
        .unwrap_or_else(|| by_name(message, text, source))
}

/// Content without a variant of its own: its name, and the message that it refers to.
fn by_name(message: &wa::Message, text: &str, source: &MessageSource) -> Body {
    let about = about(message).and_then(|key| target(key, source).map(Box::new));
    match (other_name(message), about) {
        ("album", _) => Body::Album,
        ("timer_change", _) => Body::TimerChange(new_timer(message).unwrap_or_default()),
        ("poll_vote", Some(poll)) => Body::PollVote(Box::new(Vote::sealed(*poll))),
        ("pin", Some(pinned)) => Body::Pin(pinned),
        ("unpin", Some(unpinned)) => Body::Unpin(unpinned),
        (name, about) => Body::Other(Other {
            name: name.to_owned(),
            text: text.to_owned(),
            about,
        }),
    }
}

/// The name, a single word, of content that [`body`] does not convert further.
fn other_name(message: &wa::Message) -> &'static str {
    let pin = message.pin_in_chat_message.as_option();
    if pin.is_some_and(|pin| pin.r#type == Some(PinType::UNPIN_FOR_ALL)) {
        return "unpin";
    }
    macro_rules! first_set {
        ($($($field:ident)|+ => $word:literal),+ $(,)?) => {
            $($(if message.$field.is_set() { return $word; })+)+
        };
    }
    first_set! {
        sticker_pack_message => "sticker_pack",
        album_message => "album",
        poll_update_message => "poll_vote",
        poll_add_option_message => "poll_option",
        poll_result_snapshot_message | poll_result_snapshot_message_v3 => "poll_result",
        event_invite_message => "event_invite",
        enc_event_response_message => "event_response",
        newsletter_admin_invite_message | newsletter_follower_invite_message_v2
            => "channel_invite",
        call | bcall_message | call_log_messsage => "call",
        scheduled_call_creation_message | scheduled_call_edit_message => "scheduled_call",
        buttons_response_message | list_response_message | template_button_reply_message
            | interactive_response_message => "choice",
        buttons_message | list_message | template_message | interactive_message
            | highly_structured_message => "buttons",
        product_message => "product",
        order_message => "order",
        send_payment_message | request_payment_message | decline_payment_request_message
            | cancel_payment_request_message | payment_invite_message | invoice_message
            | payment_reminder_message | split_payment_message => "payment",
        reaction_message | enc_reaction_message => "reaction",
        comment_message | enc_comment_message => "comment",
        pin_in_chat_message => "pin",
        keep_in_chat_message => "keep",
        request_phone_number_message => "number_request",
        placeholder_message => "placeholder",
        secret_encrypted_message => "edit",
    }
    match message.protocol_message.as_option().map(|of| of.r#type) {
        Some(Some(Type::REVOKE)) => "deletion",
        Some(Some(Type::MESSAGE_EDIT)) => "edit",
        Some(Some(Type::EPHEMERAL_SETTING)) => "timer_change",
        Some(_) => "protocol",
        None => "other",
    }
}

pub(super) fn poll(message: &wa::Message) -> Option<Poll> {
    let poll = message
        .poll_creation_message
        .as_option()
        .or_else(|| message.poll_creation_message_v2.as_option())
        .or_else(|| message.poll_creation_message_v3.as_option())
        .or_else(|| message.poll_creation_message_v5.as_option())
        .or_else(|| message.poll_creation_message_v6.as_option())?;
    let options = poll.options.iter().take(MAX_NAMES);
    Some(Poll {
        question: name(poll.name.as_deref()),
        options: options
            .map(|option| name(option.option_name.as_deref()))
            .collect(),
        selectable: poll.selectable_options_count.unwrap_or_default(),
    })
}

/// The message that a message refers to.
fn about(message: &wa::Message) -> Option<&wa::MessageKey> {
    macro_rules! first {
        ($($field:ident . $key:ident),+ $(,)?) => {
            None$(.or_else(|| message.$field.as_option()?.$key.as_option()))+
        };
    }
    first!(
        poll_update_message.poll_creation_message_key,
        poll_add_option_message.poll_creation_message_key,
        enc_event_response_message.event_creation_message_key,
        pin_in_chat_message.key,
        keep_in_chat_message.key,
        enc_comment_message.target_message_key,
        comment_message.target_message_key,
    )
}
