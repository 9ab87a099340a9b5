//! How this device appears on the phone.

use clap::Args;
use openclaw_types::{Device, DeviceName, DevicePlatform};

use super::given;

/// The raw flags.
#[derive(Args, Debug, Default)]
#[group(skip)]
pub(crate) struct Flags {
    /// Name of this device on the phone, under Linked devices; used at the next pairing [default: OpenClaw]
    #[arg(long, env = "OPENCLAW_DEVICE_NAME", value_name = "NAME")]
    device_name: Option<String>,
    /// Kind of client that the phone shows: chrome, firefox, edge, safari or desktop; used at the next pairing
    /// [default: chrome]
    #[arg(long, env = "OPENCLAW_DEVICE_PLATFORM", value_name = "PLATFORM")]
    device_platform: Option<String>,
}

impl Flags {
    /// Validates the flags; each mistake is passed to `keep`.
    pub(super) fn check(self, mut keep: impl FnMut(String)) -> Device {
        let Self {
            device_name,
            device_platform,
        } = self;
        let name = given(device_name).map(|value| {
            let name = value.parse::<DeviceName>();
            name.map_err(|error| keep(format!("--device-name: {value:?}: {error}")))
        });
        let platform = given(device_platform).map(|value| {
            let platform = value.parse::<DevicePlatform>();
            platform.map_err(|error| keep(format!("--device-platform: {value:?}: {error}")))
        });
        Device {
            name: name.and_then(Result::ok).unwrap_or_default(),
            platform: platform.and_then(Result::ok).unwrap_or_default(),
        }
    }
}
