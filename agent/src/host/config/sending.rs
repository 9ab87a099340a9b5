//! Send settings: the rate, and the length of the queue.

use clap::Args;
use openclaw_state::outbox::{Limits, Pacing};

use super::given;

/// The raw flags.
#[derive(Args, Debug, Default)]
#[group(skip)]
pub(crate) struct Flags {
    /// Maximum messages per minute on average, to avoid spam bans; 0 disables pacing [default: 30]
    #[arg(long, env = "OPENCLAW_SEND_RATE", value_name = "MESSAGES")]
    send_rate: Option<String>,
    /// Maximum burst of messages [default: 30]
    #[arg(long, env = "OPENCLAW_SEND_BURST", value_name = "MESSAGES")]
    send_burst: Option<String>,
    /// Maximum number of queued messages [default: 1000]
    #[arg(long, env = "OPENCLAW_SEND_QUEUE", value_name = "MESSAGES")]
    send_queue: Option<String>,
}

impl Flags {
    /// Validates the flags; each mistake is passed to `keep`.
    pub(super) fn check(self, mut keep: impl FnMut(String)) -> Limits {
        let Self {
            send_rate,
            send_burst,
            send_queue,
        } = self;
        let Limits { pacing, queue } = Limits::default();
        let mut number = |flag: &str, value: Option<String>, least: u32, most: u32, default| {
            let Some(value) = given(value) else {
                return default;
            };
            match value.parse() {
                Ok(number) if (least..=most).contains(&number) => number,
                _ => {
                    keep(format!(
                        "{flag}: {value:?} is not a number from {least} to {most}"
                    ));
                    default
                }
            }
        };
        let pacing = Pacing {
            per_minute: number("--send-rate", send_rate, 0, 6000, pacing.per_minute),
            burst: number("--send-burst", send_burst, 1, 1000, pacing.burst),
        };
        let default = u32::try_from(queue).unwrap_or(u32::MAX);
        let queue = number("--send-queue", send_queue, 0, 10_000, default);
        Limits {
            pacing,
            queue: usize::try_from(queue).unwrap_or(usize::MAX),
        }
    }
}
