//! The service manager that started the agent, if any: systemd's notification protocol (`sd_notify(3)`).
//!
//! The socket is connected once, before the sandbox, which denies opening other sockets. Messages are sent without
//! blocking: a manager that does not read must not delay the agent.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use openclaw_state::clock;
use openclaw_types::Link;
use tokio::sync::watch;

/// Notifies the service manager, if there is one, that the agent is ready, alive, or stopping.
#[derive(Debug, Default)]
pub struct Supervisor {
    socket: Option<UnixDatagram>,
    /// The socket's path, unless it is an abstract socket.
    file: Option<PathBuf>,
    /// How often the watchdog expects a notification.
    every: Option<Duration>,
}

impl Supervisor {
    /// Connects as the environment specifies: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
    ///
    /// # Errors
    /// The socket is set and cannot be connected.
    pub fn from_environment() -> io::Result<Self> {
        let given = |name| env::var_os(name).filter(|value| !value.is_empty());
        let Some(name) = given("NOTIFY_SOCKET") else {
            return Ok(Self::default());
        };
        let text = |name| given(name).and_then(|value| value.into_string().ok());
        let every = interval(
            text("WATCHDOG_USEC").as_deref(),
            text("WATCHDOG_PID").as_deref(),
            std::process::id(),
        );
        Self::connect(&name, every)
    }

    fn connect(name: &OsStr, every: Option<Duration>) -> io::Result<Self> {
        let (address, file) = match name.as_bytes() {
            [b'@', name @ ..] => (SocketAddr::from_abstract_name(name)?, None),
            [b'/', ..] => {
                let path = PathBuf::from(name);
                (SocketAddr::from_pathname(&path)?, Some(path))
            }
            _ => {
                let what = "NOTIFY_SOCKET must be an absolute path or an abstract name (@name)";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
            }
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: Some(socket),
            file,
            every,
        })
    }

    /// The path that the next image of this process must be able to reach.
    #[must_use]
    pub fn file(&self) -> Option<&PathBuf> {
        self.file.as_ref()
    }

    /// Reports that the volume is locked and every listener is bound, whatever the state of the link.
    pub fn ready(&self) {
        self.notify("READY=1");
    }

    /// Reports that the process is about to exit, as opposed to being replaced.
    pub fn stopping(&self) {
        self.notify("STOPPING=1");
    }

    /// Reports each change of the link's state, and feeds the watchdog.
    pub async fn run(self: Arc<Self>, view: watch::Receiver<impl AsRef<Link>>) {
        if self.socket.is_some() {
            tokio::join!(self.report_status(view), self.feed());
        }
    }

    async fn report_status(&self, mut view: watch::Receiver<impl AsRef<Link>>) {
        loop {
            let state = status(view.borrow_and_update().as_ref());
            self.notify(&format!("STATUS={state}"));
            if view.changed().await.is_err() {
                return;
            }
        }
    }

    /// Runs in the runtime's event loop, so that a hang is detected.
    async fn feed(&self) {
        let Some(every) = self.every else { return };
        let mut turns = tokio::time::interval(every);
        loop {
            turns.tick().await;
            self.notify("WATCHDOG=1");
        }
    }

    fn notify(&self, words: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = socket.send(words.as_bytes()) {
            tracing::debug!(%error, "notification of the service manager failed");
        }
    }
}

/// `whatsapp unlinked: run `openclawctl pair` and scan the code`
fn status(link: &Link) -> String {
    let (state, hint) = (link.state.name(), link.hint(clock::now(), clock::utc));
    if hint.is_empty() {
        format!("whatsapp {state}")
    } else {
        format!("whatsapp {state}: {hint}")
    }
}

/// Half of the watchdog's timeout, as systemd recommends; `None` without a watchdog for this process.
fn interval(usec: Option<&str>, pid: Option<&str>, own: u32) -> Option<Duration> {
    if pid.is_some_and(|pid| pid.parse() != Ok(own)) {
        return None;
    }
    let usec: u64 = usec?.parse().ok()?;
    (usec > 1).then(|| Duration::from_micros(usec / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_fed_at_half_its_timeout() {
        let fed = |usec, pid| interval(usec, pid, 7);
        let second = Some(Duration::from_secs(1));
        assert_eq!(fed(Some("2000000"), None), second);
        assert_eq!(fed(Some("2000000"), Some("7")), second);
    }

    #[test]
    fn another_processs_watchdog_is_not_fed() {
        assert_eq!(interval(Some("2000000"), Some("8"), 7), None);
        assert_eq!(interval(Some("2000000"), Some("self"), 7), None);
    }

    #[test]
    fn invalid_values_disable_the_watchdog() {
        for usec in [None, Some("0"), Some("1"), Some("-1"), Some("soon")] {
            assert_eq!(interval(usec, None, 7), None, "{usec:?}");
        }
    }

    #[test]
    fn path_and_abstract_sockets_are_connected() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        let name = format!("openclaw-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let by_name = UnixDatagram::bind_addr(&address).unwrap();
        let names = [path.into_os_string(), format!("@{name}").into()];
        for (name, socket) in names.into_iter().zip([by_path, by_name]) {
            let supervisor = Supervisor::connect(&name, None).unwrap();
            supervisor.ready();
            let mut words = [0; 64];
            let length = socket.recv(&mut words).unwrap();
            assert_eq!(&words[..length], b"READY=1");
        }
    }

    #[test]
    fn a_relative_path_is_refused() {
        assert!(Supervisor::connect(OsStr::new("notify"), None).is_err());
        assert!(Supervisor::connect(OsStr::new("vsock:2:1"), None).is_err());
    }
}
