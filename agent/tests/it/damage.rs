//! A damaged journal file: the log, Status, doctor, WatchEvents and ListEvents report the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::access_client::AccessClient;
use openclaw_proto::v1::watch_events_response::Item;
use openclaw_sim::By;

use crate::harness::{ACCOUNT, ANNA, TEST_TIMEOUT, WORD, World};

const LOGGED: &str = "events of the journal are damaged";

/// Merges adjacent ranges.
fn joined(ranges: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (first, last) in ranges {
        match joined.last_mut() {
            Some(before) if before.1 + 1 == first => before.1 = last,
            _ => joined.push((first, last)),
        }
    }
    joined
}

impl World {
    /// The journal files on the volume, by number, once there are this many.
    async fn event_files(&self, count: usize) -> BTreeMap<u64, PathBuf> {
        let found = || {
            let entries = fs::read_dir(self.agent.volume()).unwrap();
            let paths = entries.map(|entry| entry.unwrap().path());
            let numbered = paths.filter_map(|path| {
                let name = path.file_name()?.to_str()?.to_owned();
                let number = name.strip_prefix("journal-")?.strip_suffix(".seg")?;
                Some((number.parse().ok()?, path))
            });
            numbered.collect::<BTreeMap<u64, PathBuf>>()
        };
        self.sim
            .until(TEST_TIMEOUT, || found().len() >= count)
            .await
            .unwrap();
        found()
    }

    async fn damaged(&self) -> Vec<(u64, u64)> {
        let damaged = self.agent.status().await.damaged_events;
        damaged.iter().map(|it| (it.first, it.last)).collect()
    }

    /// The gaps of a watch from the oldest event, and the number of events.
    async fn gaps(&self) -> (Vec<(u64, u64)>, usize) {
        let request = pb::WatchEventsRequest {
            after: Some(0),
            ..Default::default()
        };
        let mut stream = self
            .client()
            .watch_events(request)
            .await
            .unwrap()
            .into_inner();
        let (mut gaps, mut events) = (Vec::new(), 0);
        while let Some(frame) = stream.message().await.unwrap() {
            match frame.item {
                Some(Item::Gap(gap)) => {
                    assert!(gap.damaged);
                    gaps.push((gap.first, gap.last));
                }
                Some(Item::Event(_)) => events += 1,
                _ => {}
            }
        }
        (gaps, events)
    }

    /// The same from ListEvents, oldest first, in pages of this size.
    async fn listed_gaps(&self, page_size: u32) -> (Vec<(u64, u64)>, usize) {
        let (mut gaps, mut events) = (Vec::<(u64, u64)>::new(), 0);
        let mut request = pb::ListEventsRequest {
            page_size,
            ..Default::default()
        };
        loop {
            let listed = self.client().list_events(request.clone()).await;
            let page = listed.unwrap().into_inner();
            events += page.events.len();
            for pb::Gap {
                first,
                last,
                damaged,
            } in page.gaps
            {
                assert!(damaged);
                gaps.push((first, last));
            }
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        gaps.sort_unstable();
        gaps.dedup();
        (joined(gaps), events)
    }

    async fn findings(&self) -> Vec<pb::Finding> {
        let mut access = AccessClient::new(self.agent.channel());
        let request = pb::DiagnoseRequest::default();
        let found = access.diagnose(request).await.unwrap().into_inner();
        let events = found.findings.into_iter().filter(|it| it.check == "events");
        events.collect()
    }
}

#[tokio::test]
async fn a_damaged_journal_file_is_reported_the_same_everywhere() {
    let mut world = World::linked().await;
    let anna = world.peer(ANNA);
    for _ in 0..160 {
        let text = format!("{WORD}{}", "x".repeat(8_000));
        anna.send_text(ACCOUNT, &text, By::Lid).await.unwrap();
    }
    world.all_acked().await;
    let files = world.event_files(4).await;
    let range = world.agent.status().await.events.unwrap();
    assert!(world.damaged().await.is_empty());
    let findings = world.findings().await;
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].state(), pb::FindingState::Good, "{findings:?}");

    // Missing, truncated, or of another store; one is damaged while the agent runs.
    let url = world.sim.url();
    world.agent.kill().await;
    fs::remove_file(&files[&1]).unwrap();
    let third = fs::read(&files[&3]).unwrap();
    fs::write(&files[&3], &third[..third.len() / 2]).unwrap();
    world.agent.start_again(&url).await;
    world.agent.logged_times(LOGGED, 2).await;
    fs::copy(&files[&2], &files[&4]).unwrap();

    let findings = world.findings().await;
    let damaged = world.damaged().await;
    assert_eq!(damaged.len(), 3, "{damaged:?}");
    assert_eq!(findings.len(), 3);
    for ((first, last), finding) in damaged.iter().zip(&findings) {
        assert_eq!(finding.state(), pb::FindingState::Bad);
        assert!(
            finding.text.contains(&format!("{first} to {last}")),
            "{}",
            finding.text
        );
        assert!(finding.hint.contains("copy of the volume"));
    }
    let (gaps, events) = world.gaps().await;
    assert_eq!(gaps, damaged);
    let gone: u64 = damaged.iter().map(|(first, last)| last - first + 1).sum();
    let head = world.agent.status().await.events.unwrap().head;
    assert_eq!(events as u64 + gone, head - range.oldest + 1);
    assert_eq!(world.agent.count_logged(LOGGED), 3, "each once");
    for page_size in [0, 7, 500] {
        let listed = world.listed_gaps(page_size).await;
        assert_eq!(
            listed,
            (joined(gaps.clone()), events),
            "pages of {page_size}"
        );
    }
    world.finish().await;
}
