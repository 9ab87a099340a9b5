//! What every kind of event answers for itself. One that does not answer does not compile.

#[cfg(any(test, feature = "samples"))]
use super::samples;
use super::{NameRef, Origin};
use crate::link::Link;
use crate::send::{MessageId, SendOutcome};
use crate::{ChatId, Contact};

/// What of an event names it and says where it happened.
#[derive(Clone, Copy, Default)]
pub(super) struct View<'a> {
    /// Of what a person does in a chat: the allowlist judges it.
    pub(super) origin: Option<&'a Origin>,
    /// Of what arrived in a chat and was opened.
    pub(super) id: Option<&'a MessageId>,
    pub(super) chat: Option<&'a ChatId>,
    pub(super) who: Option<&'a Contact>,
    pub(super) from_me: bool,
}

/// The chat that it happened in, those who did it, and those whose messages it is about.
pub(super) type Parts<'a> = (Option<&'a mut ChatId>, Vec<&'a mut Contact>);

pub(super) trait Part {
    fn view(&self) -> View<'_>;

    fn parts_mut(&mut self) -> Parts<'_>;

    /// How much memory it holds in addition to itself, roughly.
    fn heap_bytes(&self) -> usize {
        0
    }

    /// Some of it, with every field set.
    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self>
    where
        Self: Sized;
}

impl<'a> View<'a> {
    pub(super) const fn of(origin: &'a Origin) -> Self {
        Self {
            origin: Some(origin),
            id: Some(&origin.id),
            chat: Some(&origin.chat),
            who: Some(&origin.sender),
            from_me: origin.from_me,
        }
    }

    pub(super) const fn named(
        id: &'a MessageId,
        chat: &'a ChatId,
        who: &'a Contact,
        from_me: bool,
    ) -> Self {
        Self {
            origin: None,
            id: Some(id),
            chat: Some(chat),
            who: Some(who),
            from_me,
        }
    }

    pub(super) fn name(self) -> Option<NameRef<'a>> {
        let Self {
            origin: _,
            id,
            chat,
            who,
            from_me,
        } = self;
        Some(NameRef {
            id: id?,
            chat: chat?,
            sender: who?,
            from_me,
        })
    }
}

impl<T: Part> Part for Box<T> {
    fn view(&self) -> View<'_> {
        T::view(self)
    }

    fn parts_mut(&mut self) -> Parts<'_> {
        T::parts_mut(self)
    }

    fn heap_bytes(&self) -> usize {
        size_of::<T>() + T::heap_bytes(self)
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        T::samples().into_iter().map(Self::new).collect()
    }
}

impl Part for Link {
    fn view(&self) -> View<'_> {
        View::default()
    }

    fn parts_mut(&mut self) -> Parts<'_> {
        (None, vec![])
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        samples::every_link().collect()
    }
}

impl Part for SendOutcome {
    fn view(&self) -> View<'_> {
        View {
            chat: Some(&self.chat),
            ..View::default()
        }
    }

    fn parts_mut(&mut self) -> Parts<'_> {
        (Some(&mut self.chat), vec![])
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        vec![samples::outcome()]
    }
}
