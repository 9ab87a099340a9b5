//! This device, as the phone lists it under Linked devices.

use std::fmt;
use std::str::FromStr;

use heapless::String;
use serde::{Deserialize, Serialize};

/// The maximum length of a device's name, in characters and in bytes.
const MAX_DEVICE_NAME_CHARS: usize = 32;
const MAX_DEVICE_NAME_BYTES: usize = 64;

/// The name of the device. WhatsApp knows it as the device's operating system. A stored name that is not valid, from another
/// version, is read as the default.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "std::string::String", into = "std::string::String")]
pub struct DeviceName(String<MAX_DEVICE_NAME_BYTES>);

/// The text is not a valid device name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a device's name has 1 to {MAX_DEVICE_NAME_CHARS} characters, at most {MAX_DEVICE_NAME_BYTES} bytes, none of them a control \
     character, and no space at its ends"
)]
pub struct DeviceNameError;

impl DeviceName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for DeviceName {
    fn default() -> Self {
        Self(String::try_from("OpenClaw").expect("shorter than the maximum"))
    }
}

impl FromStr for DeviceName {
    type Err = DeviceNameError;

    fn from_str(text: &str) -> Result<Self, DeviceNameError> {
        let fits = (1..=MAX_DEVICE_NAME_CHARS).contains(&text.chars().count());
        if !fits || text.chars().any(char::is_control) || text.trim() != text {
            return Err(DeviceNameError);
        }
        String::try_from(text)
            .map(Self)
            .map_err(|_| DeviceNameError)
    }
}

impl From<std::string::String> for DeviceName {
    fn from(stored: std::string::String) -> Self {
        stored.parse().unwrap_or_default()
    }
}

impl From<DeviceName> for std::string::String {
    fn from(name: DeviceName) -> Self {
        name.as_str().to_owned()
    }
}

impl fmt::Debug for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The kind of client that the device says it is. The phone shows its symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DevicePlatform {
    /// Google Chrome.
    #[default]
    Chrome,
    /// Firefox.
    Firefox,
    /// Microsoft Edge.
    Edge,
    /// Safari.
    Safari,
    /// WhatsApp's desktop program.
    Desktop,
}

/// A device that is to be linked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Its name.
    pub name: DeviceName,
    /// Its kind.
    pub platform: DevicePlatform,
}

/// The text names no platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a device's platform is chrome, firefox, edge, safari or desktop")]
pub struct DevicePlatformError;

impl FromStr for DevicePlatform {
    type Err = DevicePlatformError;

    fn from_str(text: &str) -> Result<Self, DevicePlatformError> {
        match text {
            "chrome" => Ok(Self::Chrome),
            "firefox" => Ok(Self::Firefox),
            "edge" => Ok(Self::Edge),
            "safari" => Ok(Self::Safari),
            "desktop" => Ok(Self::Desktop),
            _ => Err(DevicePlatformError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_on_one_line_of_the_phone() {
        for good in ["O", "Mac OS", "Büro 2", &"x".repeat(32), &"é".repeat(32)] {
            assert_eq!(good.parse::<DeviceName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            " ",
            " a",
            "a\n",
            "a\u{9b}b",
            &"x".repeat(33),
            &"😀".repeat(17),
        ] {
            assert!(bad.parse::<DeviceName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_stored_name_of_another_version_is_read_as_the_default() {
        assert_eq!(DeviceName::from("Mac OS".to_owned()).as_str(), "Mac OS");
        assert_eq!(DeviceName::from("x".repeat(99)), DeviceName::default());
    }
}
