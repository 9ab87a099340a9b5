//! The properties of a kind of event. Each kind implements the trait `Part`, which the compiler enforces.

#[cfg(any(test, feature = "samples"))]
use super::samples;
use super::{NameRef, Origin};
use crate::link::Link;
use crate::send::{MessageId, SendOutcome};
use crate::{ChatId, Contact};

/// The key of an event and its place.
#[derive(Clone, Copy, Default)]
pub(super) struct View<'a> {
    /// The origin, for what a person does in a chat. The allowlist is applied to it.
    pub(super) origin: Option<&'a Origin>,
    /// The id, for what arrived in a chat and was decrypted.
    pub(super) id: Option<&'a MessageId>,
    pub(super) chat: Option<&'a ChatId>,
    pub(super) who: Option<&'a Contact>,
    pub(super) from_me: bool,
}

/// The chat of the event, the people who acted, and the authors of the messages it refers to.
pub(super) type Parts<'a> = (Option<&'a mut ChatId>, Vec<&'a mut Contact>);

pub(super) trait Part {
    fn view(&self) -> View<'_>;

    fn parts_mut(&mut self) -> Parts<'_>;

    /// The approximate size of its heap allocations.
    fn heap_bytes(&self) -> usize {
        0
    }

    /// Samples with every field set.
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
