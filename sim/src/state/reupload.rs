//! Whether the phone uploads a file again that is gone from the media host.

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
