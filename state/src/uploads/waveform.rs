//! The bars that clients show for a voice message, without decoding it: Opus spends more bytes on speech than on
//! silence, so the sizes of the packets follow the volume roughly. A file of a constant bit rate has bars of one height.

/// WhatsApp's clients send 64.
const BARS: usize = 64;
const MAX_HEIGHT: u64 = 100;
/// The height of all bars where nothing distinguishes them.
const FLAT_HEIGHT: u8 = 50;
/// The maximum number of averages in memory. When it is reached, each two are merged.
const MAX_AVERAGES: usize = 4_096;

/// Collects the sizes of packets, in constant memory.
#[derive(Debug)]
pub(super) struct Waveform {
    averages: Vec<u32>,
    /// The number of packets in an average.
    stride: u64,
    sum: u64,
    count: u64,
}

impl Default for Waveform {
    fn default() -> Self {
        Self {
            averages: Vec::new(),
            stride: 1,
            sum: 0,
            count: 0,
        }
    }
}

impl Waveform {
    pub(super) fn add(&mut self, packet_bytes: u32) {
        self.sum += u64::from(packet_bytes);
        self.count += 1;
        if self.count < self.stride {
            return;
        }
        let average = self.sum / self.count;
        self.averages
            .push(u32::try_from(average).unwrap_or(u32::MAX));
        (self.sum, self.count) = (0, 0);
        if self.averages.len() == MAX_AVERAGES {
            let pairs = self.averages.chunks_exact(2);
            self.averages = pairs.map(|pair| pair[0].midpoint(pair[1])).collect();
            self.stride *= 2;
        }
    }

    pub(super) fn bars(self) -> Vec<u8> {
        let length = self.averages.len();
        let heights: Vec<u64> = (0..BARS)
            .map(|bar| {
                let from = bar * length / BARS;
                let to = ((bar + 1) * length / BARS).max(from + 1).min(length);
                let part = self.averages.get(from..to).unwrap_or_default();
                let sum: u64 = part.iter().map(|size| u64::from(*size)).sum();
                sum / u64::try_from(part.len().max(1)).unwrap_or(1)
            })
            .collect();
        let least = heights.iter().min().copied().unwrap_or_default();
        let span = heights.iter().max().copied().unwrap_or_default() - least;
        let bar = |height: u64| match span {
            0 => FLAT_HEIGHT,
            span => u8::try_from((height - least) * MAX_HEIGHT / span).unwrap_or(FLAT_HEIGHT),
        };
        heights.into_iter().map(bar).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(sizes: impl IntoIterator<Item = u32>) -> Vec<u8> {
        let mut waveform = Waveform::default();
        for size in sizes {
            waveform.add(size);
        }
        waveform.bars()
    }

    #[test]
    fn there_are_always_64_bars_up_to_100() {
        for count in [0, 1, 63, 64, 65, 4_095, 4_096, 1_000_000] {
            let bars = bars((0..count).map(|at| at % 300));
            assert_eq!(bars.len(), BARS, "{count}");
            assert!(bars.iter().all(|bar| *bar <= 100), "{count}");
        }
    }

    #[test]
    fn loud_parts_are_higher_however_long_it_is() {
        for count in [64, 1_000, 100_000] {
            let bars = bars((0..count).map(|at| if at < count / 2 { 10 } else { 200 }));
            assert!(bars[..31].iter().all(|bar| *bar < 10), "{count}");
            assert!(bars[33..].iter().all(|bar| *bar > 90), "{count}");
        }
    }

    #[test]
    fn a_constant_bit_rate_is_flat() {
        assert_eq!(bars([80; 500]), [FLAT_HEIGHT; BARS]);
    }
}
