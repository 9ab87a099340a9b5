//! What nearly every Rust program that uses the contract would write for itself: where something comes from, what it says,
//! a text to send.

use std::sync::LazyLock;

use crate::v1::content::Kind;
use crate::{Word as _, v1};

static NO_ORIGIN: LazyLock<v1::Origin> = LazyLock::new(v1::Origin::default);

macro_rules! with_origin {
    ($($message:ident),+) => {$(
        impl v1::$message {
            /// Where it comes from; an empty origin where the agent sent none.
            #[must_use]
            pub fn origin(&self) -> &v1::Origin {
                self.origin.as_ref().unwrap_or(&NO_ORIGIN)
            }
        }
    )+};
}

with_origin!(
    Message,
    Edit,
    Deletion,
    Reaction,
    Undecryptable,
    Lost,
    Dropped,
    Rejected,
    GroupChange,
    Call
);

impl v1::Event {
    /// The origin, for what has one.
    pub fn origin_mut(&mut self) -> Option<&mut v1::Origin> {
        use v1::event::Kind;
        match self.kind.as_mut()? {
            Kind::Message(it) => it.origin.as_mut(),
            Kind::Edit(it) => it.origin.as_mut(),
            Kind::Deletion(it) => it.origin.as_mut(),
            Kind::Reaction(it) => it.origin.as_mut(),
            Kind::Undecryptable(it) => it.origin.as_mut(),
            Kind::Lost(it) => it.origin.as_mut(),
            Kind::Dropped(it) => it.origin.as_mut(),
            Kind::Rejected(it) => it.origin.as_mut(),
            Kind::GroupChange(it) => it.origin.as_mut(),
            Kind::Call(it) => it.origin.as_mut(),
            Kind::Receipt(_) | Kind::Link(_) | Kind::Outcome(_) => None,
        }
    }
}

impl v1::event::Kind {
    /// The origin, for what has one.
    #[must_use]
    pub fn origin(&self) -> Option<&v1::Origin> {
        match self {
            Self::Message(it) => it.origin.as_ref(),
            Self::Edit(it) => it.origin.as_ref(),
            Self::Deletion(it) => it.origin.as_ref(),
            Self::Reaction(it) => it.origin.as_ref(),
            Self::Undecryptable(it) => it.origin.as_ref(),
            Self::Lost(it) => it.origin.as_ref(),
            Self::Dropped(it) => it.origin.as_ref(),
            Self::Rejected(it) => it.origin.as_ref(),
            Self::GroupChange(it) => it.origin.as_ref(),
            Self::Call(it) => it.origin.as_ref(),
            Self::Receipt(_) | Self::Link(_) | Self::Outcome(_) => None,
        }
    }
}

impl v1::Content {
    /// A text.
    #[must_use]
    pub fn of_text(body: impl Into<String>) -> Self {
        let text = v1::Text {
            body: body.into(),
            preview: None,
        };
        Self {
            kind: Some(Kind::Text(text)),
            ..Self::default()
        }
    }

    /// The text or the caption; empty for content without any.
    #[must_use]
    pub fn text(&self) -> &str {
        match &self.kind {
            Some(Kind::Text(text)) => &text.body,
            Some(Kind::Media(media)) => &media.caption,
            Some(Kind::Location(location)) => &location.caption,
            Some(Kind::CalendarEvent(event)) => &event.description,
            Some(Kind::GroupInvite(invite)) => &invite.caption,
            Some(Kind::Choices(choices)) => &choices.text,
            Some(Kind::Choice(choice)) => &choice.text,
            Some(Kind::Other(other)) => &other.text,
            Some(Kind::Poll(poll)) => &poll.question,
            Some(
                Kind::Contacts(_)
                | Kind::Album(_)
                | Kind::PollVote(_)
                | Kind::Pin(_)
                | Kind::TimerChange(_),
            )
            | None => "",
        }
    }
}

impl v1::Message {
    /// The text or the caption; empty for content without any.
    #[must_use]
    pub fn text(&self) -> &str {
        self.content.as_ref().map_or("", v1::Content::text)
    }
}

impl v1::Edit {
    /// The text or the caption now; empty for content without any.
    #[must_use]
    pub fn text(&self) -> &str {
        self.content.as_ref().map_or("", v1::Content::text)
    }
}

impl v1::EventFilter {
    /// Events of chats of every kind, and those without a chat. An empty filter leaves out channels and statuses.
    #[must_use]
    pub fn of_all_chats() -> Self {
        let all = v1::ChatKind::ALL.iter();
        Self {
            chat_kinds: all.map(|kind| i32::from(*kind)).collect(),
            ..Self::default()
        }
    }
}

impl v1::PairRequest {
    /// By a QR code.
    #[must_use]
    pub fn by_qr() -> Self {
        Self {
            how: Some(v1::pair_request::How::Qr(v1::QrMethod {})),
            ..Self::default()
        }
    }
}

impl v1::SendRequest {
    /// A new message with a text.
    #[must_use]
    pub fn of_text(to: impl Into<String>, body: impl Into<String>) -> Self {
        let content = v1::Content::of_text(body);
        Self {
            to: to.into(),
            payload: Some(v1::send_request::Payload::Content(content)),
            ..Self::default()
        }
    }
}
