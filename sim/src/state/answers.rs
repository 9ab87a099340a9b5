//! The phone's responses to its companions' requests.

/// The phone's response to a request for another upload of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reupload {
    /// The file's new path, if the phone has the file.
    #[default]
    Success,
    /// The phone no longer has the file.
    NotFound,
    /// The phone cannot decrypt the request.
    DecryptionError,
    /// Any other error.
    GeneralError,
    /// No response: the phone is off.
    Silent,
}

/// The phone's response to a request for older messages of a chat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum History {
    /// A file on the media host, as real phones send.
    #[default]
    Hosted,
    /// The history inside the message.
    Inline,
    /// First an answer to another request, as one that is late, then the right one.
    Late,
    /// Messages of another chat, under the name of the right one.
    OtherChat,
    /// Bytes that are no history.
    Garbage,
    /// A history that is small, and becomes 64 MiB when it is inflated.
    Bomb,
    /// A file of 4 MiB.
    Huge,
    /// No response.
    Silent,
}

/// The phone's response to a request for a message that the companion could not decrypt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resend {
    /// The message, if the phone has it.
    #[default]
    Message,
    /// Not found.
    NotFound,
    /// No response.
    Silent,
}

/// All settings of the phone's responses.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Answers {
    pub(crate) reupload: Reupload,
    pub(crate) history: History,
    pub(crate) resend: Resend,
}
