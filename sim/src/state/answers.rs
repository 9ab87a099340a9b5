//! What a phone answers when its companions ask it for something.

/// What the phone answers when a companion asks for a file again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reupload {
    /// The file's new path, where the phone has the file.
    #[default]
    Success,
    /// The phone has not got the file any more.
    NotFound,
    /// The phone cannot read the request.
    DecryptionError,
    /// Something else is wrong.
    GeneralError,
    /// Nothing: the phone is off.
    Silent,
}

/// How the phone answers when a companion asks for older messages of a chat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum History {
    /// With a file on the media host, as phones do.
    #[default]
    Hosted,
    /// With all of it in the message.
    Inline,
    /// Not at all.
    Silent,
}

/// What the phone answers when a companion asks for a message that it could not open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resend {
    /// The message, where the phone has it.
    #[default]
    Message,
    /// That it has not got it.
    NotFound,
    /// Nothing.
    Silent,
}

/// All of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Answers {
    pub(crate) reupload: Reupload,
    pub(crate) history: History,
    pub(crate) resend: Resend,
}
