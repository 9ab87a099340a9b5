//! Prints the logs of client and simulator to stderr if `SIM_LOG` is set, for debugging a failing test.

struct Printer;

impl log::Log for Printer {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let (level, target) = (record.level(), record.target());
        eprintln!("[{level} {target}] {}", record.args());
    }

    fn flush(&self) {}
}

pub(crate) fn print() {
    if std::env::var_os("SIM_LOG").is_some() && log::set_logger(&Printer).is_ok() {
        log::set_max_level(log::LevelFilter::Debug);
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(std::io::stderr)
            .init();
    }
}
