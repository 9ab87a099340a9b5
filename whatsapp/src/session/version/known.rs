//! What is known about versions, and which one to announce: pure.

use std::fmt;
use std::time::{Duration, SystemTime};

use openclaw_state::vault::{from_millis, to_millis};
use serde::{Deserialize, Serialize};

/// The library's own: `Device` of wacore 0.7.0, as of its release.
pub(super) const BUILT_IN: ClientVersion = ClientVersion(2, 3000, 1_042_742_319);

/// The numbers of WhatsApp Web since 2024. Others are not its.
const REVISIONS: std::ops::Range<u32> = 1_000_000_000..2_000_000_000;
/// How many refused versions are remembered.
const MAX_REFUSED: usize = 8;

/// A version of WhatsApp Web.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClientVersion(u32, u32, u32);

impl ClientVersion {
    /// `None` if WhatsApp Web has no such version.
    pub(super) fn plausible((primary, secondary, revision): (u32, u32, u32)) -> Option<Self> {
        let known = (primary, secondary) == (2, 3000) && REVISIONS.contains(&revision);
        known.then_some(Self(primary, secondary, revision))
    }

    pub(super) const fn parts(self) -> (u32, u32, u32) {
        (self.0, self.1, self.2)
    }
}

impl fmt::Display for ClientVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Where a version is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionSource {
    /// WhatsApp named it as the current one.
    Fetched,
    /// WhatsApp accepted it earlier.
    Accepted,
    /// The library has it built in.
    BuiltIn,
}

impl VersionSource {
    /// A single word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::Accepted => "accepted",
            Self::BuiltIn => "built_in",
        }
    }
}

/// How often to ask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// While the known version is accepted.
    usual: Duration,
    /// After a question that was not answered.
    retry: Duration,
    /// While every known version is refused.
    outdated: Duration,
}

impl Pace {
    pub(super) const USUAL: Self = Self {
        usual: Duration::from_secs(24 * 3_600),
        retry: Duration::from_secs(15 * 60),
        outdated: Duration::from_secs(3_600),
    };
    pub(super) const SIMULATED: Self = Self {
        outdated: Duration::from_millis(500),
        ..Self::USUAL
    };
}

/// The last question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tried {
    pub(super) at: SystemTime,
    pub(super) error: Option<String>,
}

/// The stored row. Fields may be added but never renamed: existing volumes contain them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// The last one that WhatsApp accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted: Option<ClientVersion>,
    /// The last one that it named as the current one, and when, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fetched: Option<(ClientVersion, u64)>,
    /// Those that it refused since then, the last one at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refused: Vec<ClientVersion>,
}

impl Known {
    fn candidates(&self) -> impl Iterator<Item = (ClientVersion, VersionSource)> {
        let fetched = self.fetched.map(|(version, _)| version);
        let fetched = fetched.map(|version| (version, VersionSource::Fetched));
        let accepted = self.accepted.map(|it| (it, VersionSource::Accepted));
        let built_in = Some((BUILT_IN, VersionSource::BuiltIn));
        [fetched, accepted, built_in].into_iter().flatten()
    }

    /// The version to announce: the first that is not refused. If all are, the newest.
    pub(super) fn choose(&self) -> (ClientVersion, VersionSource) {
        let good = self.candidates().find(|(it, _)| !self.refused.contains(it));
        let newest = || self.candidates().max_by_key(|(version, _)| *version);
        good.or_else(newest)
            .unwrap_or((BUILT_IN, VersionSource::BuiltIn))
    }

    /// True if WhatsApp has refused every known version.
    pub(super) fn is_exhausted(&self) -> bool {
        self.candidates().all(|(it, _)| self.refused.contains(&it))
    }

    pub(super) fn fetched(&mut self, version: ClientVersion, now: SystemTime) {
        self.fetched = Some((version, to_millis(now)));
    }

    pub(super) fn fetched_at(&self) -> Option<SystemTime> {
        self.fetched.map(|(_, at)| from_millis(at))
    }

    pub(super) fn accepted(&mut self, version: ClientVersion) {
        self.accepted = Some(version);
        self.refused.retain(|it| *it != version);
    }

    pub(super) fn refused(&mut self, version: ClientVersion) {
        self.refused.retain(|it| *it != version);
        if self.refused.len() == MAX_REFUSED {
            self.refused.remove(0);
        }
        self.refused.push(version);
    }

    pub(super) fn forgive(&mut self) {
        self.refused.clear();
    }

    /// When to ask for the current version; `None` for now.
    pub(super) fn due_at(&self, tried: Option<&Tried>, pace: Pace) -> Option<SystemTime> {
        let asked = tried.map(|tried| tried.at).or(self.fetched_at())?;
        let is_refused = |(version, _)| self.refused.contains(&version);
        let interval = if self.is_exhausted() {
            pace.outdated
        } else if tried.is_some_and(|tried| tried.error.is_some()) {
            pace.retry
        } else if self.fetched.is_some_and(is_refused) {
            pace.outdated
        } else {
            pace.usual
        };
        Some(asked + interval)
    }
}

#[cfg(test)]
mod tests {
    use whatsapp_rust::wacore::store::Device;

    use super::*;

    const USUAL: Pace = Pace::USUAL;

    fn version(revision: u32) -> ClientVersion {
        ClientVersion::plausible((2, 3000, 1_040_000_000 + revision)).unwrap()
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn tried(seconds: u64, error: Option<&str>) -> Option<Tried> {
        Some(Tried {
            at: at(seconds),
            error: error.map(str::to_owned),
        })
    }

    #[test]
    fn the_built_in_version_is_the_librarys() {
        let device = Device::new();
        let (one, two, three) = BUILT_IN.parts();
        assert_eq!(device.app_version_primary, one);
        assert_eq!(device.app_version_secondary, two);
        assert_eq!(device.app_version_tertiary, three);
    }

    #[test]
    fn the_current_version_comes_before_the_accepted_and_that_before_the_built_in() {
        let mut known = Known::default();
        assert_eq!(known.choose(), (BUILT_IN, VersionSource::BuiltIn));
        known.accepted(version(1));
        assert_eq!(known.choose(), (version(1), VersionSource::Accepted));
        known.fetched(version(2), at(0));
        assert_eq!(known.choose(), (version(2), VersionSource::Fetched));
        known.refused(version(2));
        assert_eq!(known.choose(), (version(1), VersionSource::Accepted));
        known.refused(version(1));
        assert_eq!(known.choose(), (BUILT_IN, VersionSource::BuiltIn));
        assert!(!known.is_exhausted());
        known.refused(BUILT_IN);
        assert!(known.is_exhausted());
        assert_eq!(known.choose().0, BUILT_IN, "the newest of the refused");
        known.fetched(version(9_000_000), at(0));
        assert!(!known.is_exhausted());
        assert_eq!(known.choose().0, version(9_000_000));
    }

    #[test]
    fn a_version_that_works_again_is_not_refused_any_more() {
        let mut known = Known::default();
        known.refused(BUILT_IN);
        known.accepted(BUILT_IN);
        assert!(!known.is_exhausted());
        known.refused(BUILT_IN);
        known.forgive();
        assert!(!known.is_exhausted());
    }

    #[test]
    fn only_so_many_refusals_are_kept() {
        let mut known = Known::default();
        for revision in 0..20 {
            known.refused(version(revision));
        }
        assert_eq!(known.refused.len(), MAX_REFUSED);
        assert_eq!(known.refused.last(), Some(&version(19)));
    }

    #[test]
    fn what_is_no_version_of_whatsapp_web_is_not_taken() {
        for odd in [
            (2, 3000, 0),
            (2, 3000, 999_999_999),
            (2, 3000, 2_000_000_000),
            (2, 3000, u32::MAX),
            (2, 2413, 1_040_000_000),
            (3, 3000, 1_040_000_000),
        ] {
            assert_eq!(ClientVersion::plausible(odd), None, "{odd:?}");
        }
        assert_eq!(version(0).to_string(), "2.3000.1040000000");
    }

    #[test]
    fn the_question_is_asked_once_a_day_and_not_at_each_connection() {
        let mut known = Known::default();
        assert_eq!(known.due_at(None, USUAL), None);
        known.fetched(version(1), at(100));
        assert_eq!(known.due_at(None, USUAL), Some(at(100 + 86_400)));
        let asked = tried(100, None);
        assert_eq!(known.due_at(asked.as_ref(), USUAL), Some(at(100 + 86_400)));
        let failed = tried(90_000, Some("no answer"));
        assert_eq!(known.due_at(failed.as_ref(), USUAL), Some(at(90_900)));
        known.refused(version(1));
        assert_eq!(known.due_at(asked.as_ref(), USUAL), Some(at(3_700)));
        known.refused(BUILT_IN);
        assert!(known.is_exhausted());
        assert_eq!(known.due_at(asked.as_ref(), USUAL), Some(at(3_700)));
        assert_eq!(known.due_at(failed.as_ref(), USUAL), Some(at(93_600)));
    }

    #[test]
    fn a_row_is_read_back_and_an_empty_one_is_empty() {
        let mut known = Known::default();
        known.accepted(version(1));
        known.fetched(version(2), at(5));
        known.refused(version(3));
        let row = serde_json::to_string(&known).unwrap();
        assert_eq!(serde_json::from_str::<Known>(&row).unwrap(), known);
        assert_eq!(
            serde_json::from_str::<Known>("{}").unwrap(),
            Known::default()
        );
    }
}
