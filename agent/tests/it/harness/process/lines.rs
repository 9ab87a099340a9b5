//! The output of a process, line by line.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::sync::watch;

use super::TEST_TIMEOUT;

#[derive(Clone, Copy)]
pub(super) enum Stream {
    Out,
    Err,
}

/// The output so far.
#[derive(Clone)]
pub(super) struct Lines {
    printed: Arc<Mutex<[Vec<String>; 2]>>,
    /// Counts lines; its senders are dropped when the process ends.
    count: Arc<Mutex<Option<watch::Sender<usize>>>>,
    changes: watch::Receiver<usize>,
}

impl Default for Lines {
    fn default() -> Self {
        let (count, changes) = watch::channel(0);
        Self {
            printed: Arc::default(),
            count: Arc::new(Mutex::new(Some(count))),
            changes,
        }
    }
}

impl Lines {
    pub(super) fn collect(&self, stream: Stream, pipe: impl AsyncRead + Unpin + Send + 'static) {
        let printed = Arc::clone(&self.printed);
        let count = self.count.lock().unwrap().clone().expect("not closed yet");
        if matches!(stream, Stream::Err) {
            // Both pipes have their own sender now.
            self.count.lock().unwrap().take();
        }
        tokio::spawn(async move {
            let mut lines = BufReader::new(pipe).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                printed.lock().unwrap()[stream as usize].push(line);
                count.send_modify(|count| *count += 1);
            }
        });
    }

    pub(super) fn all(&self) -> (Vec<String>, Vec<String>) {
        let [out, err] = self.printed.lock().unwrap().clone();
        (out, err)
    }

    pub(super) fn prepend(&self, earlier: &Self) {
        let (out, err) = earlier.all();
        let mut printed = self.printed.lock().unwrap();
        printed[0].splice(0..0, out);
        printed[1].splice(0..0, err);
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = serde_json::Value> + use<> {
        let (out, _) = self.all();
        out.into_iter()
            .filter_map(|line| serde_json::from_str(&line).ok())
    }

    pub(super) async fn wait_for(&self, message: &str) -> serde_json::Value {
        let mut changes = self.changes.clone();
        let find = async {
            loop {
                changes.mark_unchanged();
                let mut entries = self.entries();
                let found = entries.find(|entry| entry["message"].as_str() == Some(message));
                if found.is_some() || changes.changed().await.is_err() {
                    break found.or_else(|| {
                        let mut entries = self.entries();
                        entries.find(|entry| entry["message"].as_str() == Some(message))
                    });
                }
            }
        };
        let found = tokio::time::timeout(TEST_TIMEOUT, find)
            .await
            .ok()
            .flatten();
        found.unwrap_or_else(|| panic!("{message:?} is not in the log: {:#?}", self.all()))
    }

    /// Waits until both pipes are closed.
    pub(super) async fn closed(&self) {
        let mut changes = self.changes.clone();
        let closed = async { while changes.changed().await.is_ok() {} };
        let closed = tokio::time::timeout(TEST_TIMEOUT, closed).await;
        closed.expect("its output ends with it");
    }
}
