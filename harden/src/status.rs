//! Reads fields of `/proc/self/status`.

use std::{fs, io};

/// A field of `/proc/self/status`, for example `Threads`, as text.
pub(crate) fn field(name: &str) -> io::Result<String> {
    let status = fs::read_to_string("/proc/self/status")?;
    parse(&status, name)
        .ok_or_else(|| io::Error::other(format!("no `{name}` in /proc/self/status")))
}

/// The number of threads in this process.
pub(crate) fn threads() -> io::Result<u32> {
    field("Threads")?.parse().map_err(io::Error::other)
}

fn parse(status: &str, name: &str) -> Option<String> {
    let mut lines = status.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(field, _)| *field == name)?;
    Some(value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_full_name() {
        let status = "Name:\topenclaw\nUid:\t0\t65532\t0\t0\nSeccomp:\t2\nSeccomp_filters:\t3\n";
        assert_eq!(parse(status, "Uid").as_deref(), Some("0\t65532\t0\t0"));
        assert_eq!(parse(status, "Seccomp").as_deref(), Some("2"));
        assert_eq!(parse(status, "Seccomp_filters").as_deref(), Some("3"));
        assert_eq!(parse(status, "Sec"), None);
    }

    #[test]
    fn a_test_runs_next_to_the_main_thread() {
        assert!(threads().expect("/proc is mounted") >= 2);
    }
}
