//! A voice message: Opus in an Ogg container (RFC 3533, RFC 7845), read page by page while it arrives. Nothing is
//! decoded, and only a page's header is kept in memory.

use super::waveform::Waveform;

const HEADER_BYTES: usize = 27;
/// The part of the first packet that is read: magic, version, channels, pre-skip, rate, gain, mapping.
const HEAD_BYTES: usize = 19;
const SAMPLES_PER_SECOND: u64 = 48_000;
/// The packets before the sound: `OpusHead` and `OpusTags`.
const HEADER_PACKETS: u64 = 2;
/// A page on which no packet ends.
const NO_POSITION: u64 = u64::MAX;

/// Why a file is not a voice message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotVoice {
    /// It has no Ogg pages.
    #[error("the file is not in an Ogg container")]
    NotOgg,
    /// It is Vorbis, a video, …
    #[error("the Ogg file has no Opus audio")]
    NotOpus,
    /// It has a second stream, next to the first or after it.
    #[error("the Ogg file has more than one stream")]
    SeveralStreams,
    /// It ends within a page, or before the sound.
    #[error("the Ogg file is truncated")]
    Truncated,
}

/// What was read from a voice message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Voice {
    /// The playing time, rounded up.
    pub(super) seconds: u32,
    /// The heights of 64 bars, from 0 to 100.
    pub(super) waveform: Vec<u8>,
}

/// What is read next of a page.
#[derive(Clone, Copy, Debug)]
enum Part {
    Header,
    /// The lengths of this many segments.
    Table(usize),
    /// This many bytes of packets.
    Body(usize),
}

/// Reads a file in pieces of any size.
#[derive(Debug)]
pub(super) struct OpusReader {
    part: Part,
    /// The part of the header or of the table that has arrived.
    page: Vec<u8>,
    stream: Option<u32>,
    /// The beginning of the first packet.
    head: Vec<u8>,
    packets: u64,
    /// The size of the incomplete packet so far.
    packet_bytes: u32,
    /// The number of samples at the end of the last page.
    position: u64,
    waveform: Waveform,
}

impl Default for OpusReader {
    fn default() -> Self {
        Self {
            part: Part::Header,
            page: Vec::with_capacity(255),
            stream: None,
            head: Vec::with_capacity(HEAD_BYTES),
            packets: 0,
            packet_bytes: 0,
            position: 0,
            waveform: Waveform::default(),
        }
    }
}

impl OpusReader {
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Result<(), NotVoice> {
        while !bytes.is_empty() {
            bytes = match self.part {
                Part::Header => self.header(bytes)?,
                Part::Table(segments) => self.table(bytes, segments),
                Part::Body(left) => self.body(bytes, left)?,
            };
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Voice, NotVoice> {
        let is_whole = matches!(self.part, Part::Header) && self.page.is_empty();
        if self.stream.is_none() {
            return Err(NotVoice::NotOgg);
        }
        if !is_whole || self.packets <= HEADER_PACKETS {
            return Err(NotVoice::Truncated);
        }
        let pre_skip = match self.head[..] {
            [.., low, high, _, _, _, _, _, _, _] => u16::from_le_bytes([low, high]),
            _ => 0,
        };
        let samples = self.position.saturating_sub(pre_skip.into());
        let seconds = samples.div_ceil(SAMPLES_PER_SECOND).max(1);
        Ok(Voice {
            seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
            waveform: self.waveform.bars(),
        })
    }

    /// Adds to `page` until it has `length` bytes. Returns the rest.
    fn fill<'a>(&mut self, bytes: &'a [u8], length: usize) -> &'a [u8] {
        let wanted = length.saturating_sub(self.page.len()).min(bytes.len());
        let (taken, rest) = bytes.split_at(wanted);
        self.page.extend_from_slice(taken);
        rest
    }

    fn header<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], NotVoice> {
        let rest = self.fill(bytes, HEADER_BYTES);
        let magic = &self.page[..self.page.len().min(4)];
        if !b"OggS".starts_with(magic) {
            return Err(match self.stream {
                None => NotVoice::NotOgg,
                Some(_) => NotVoice::Truncated,
            });
        }
        let [_, _, _, _, version, _, position @ .., segments] = &self.page[..] else {
            return Ok(rest);
        };
        if self.page.len() < HEADER_BYTES {
            return Ok(rest);
        }
        if *version != 0 {
            return Err(NotVoice::NotOgg);
        }
        let (position, numbers) = position.split_at(8);
        let position = u64::from_le_bytes(position.try_into().unwrap_or_default());
        let stream = u32::from_le_bytes(numbers[..4].try_into().unwrap_or_default());
        let segments = usize::from(*segments);
        if *self.stream.get_or_insert(stream) != stream {
            return Err(NotVoice::SeveralStreams);
        }
        if position != NO_POSITION {
            self.position = position;
        }
        self.page.clear();
        if segments > 0 {
            self.part = Part::Table(segments);
        }
        Ok(rest)
    }

    /// A packet ends with a segment that is shorter than 255 bytes; it may continue on the next page.
    fn table<'a>(&mut self, bytes: &'a [u8], segments: usize) -> &'a [u8] {
        let rest = self.fill(bytes, segments);
        if self.page.len() < segments {
            return rest;
        }
        let mut length = 0;
        for segment in std::mem::take(&mut self.page) {
            length += usize::from(segment);
            self.packet_bytes = self.packet_bytes.saturating_add(segment.into());
            if segment < 255 {
                if self.packets >= HEADER_PACKETS {
                    self.waveform.add(self.packet_bytes);
                }
                self.packets += 1;
                self.packet_bytes = 0;
            }
        }
        self.part = match length {
            0 => Part::Header,
            length => Part::Body(length),
        };
        rest
    }

    fn body<'a>(&mut self, bytes: &'a [u8], left: usize) -> Result<&'a [u8], NotVoice> {
        let (packets, rest) = bytes.split_at(left.min(bytes.len()));
        let wanted = HEAD_BYTES - self.head.len();
        if wanted > 0 {
            self.head
                .extend_from_slice(&packets[..wanted.min(packets.len())]);
            let magic = &self.head[..self.head.len().min(8)];
            if !b"OpusHead".starts_with(magic) {
                return Err(NotVoice::NotOpus);
            }
        }
        self.part = match left - packets.len() {
            0 if self.head.len() < HEAD_BYTES => return Err(NotVoice::NotOpus),
            0 => Part::Header,
            left => Part::Body(left),
        };
        Ok(rest)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A page with these packets, none of which has 255 bytes or more.
    fn page(stream: u32, position: u64, packets: &[&[u8]]) -> Vec<u8> {
        let mut page = b"OggS\0\0".to_vec();
        page.extend(position.to_le_bytes());
        page.extend(stream.to_le_bytes());
        // The page's number and checksum, which are not looked at.
        page.extend([0; 8]);
        page.push(u8::try_from(packets.len()).unwrap());
        page.extend(packets.iter().map(|it| u8::try_from(it.len()).unwrap()));
        page.extend(packets.concat());
        page
    }

    fn head(codec: &[u8]) -> Vec<u8> {
        let mut head = codec.to_vec();
        // Version, channels, pre-skip of 312 samples, 48 kHz, gain, mapping.
        head.extend([1, 1, 0x38, 1, 0x80, 0xbb, 0, 0, 0, 0, 0]);
        head
    }

    /// So many seconds, a page and fifty packets each.
    pub(in crate::uploads) fn voice(seconds: u64) -> Vec<u8> {
        let mut file = page(7, 0, &[&head(b"OpusHead")]);
        file.extend(page(7, 0, &[b"OpusTags"]));
        for second in 1..=seconds {
            let length = if second % 2 == 0 { 10 } else { 200 };
            let packet = vec![0; length];
            let position = 312 + second * SAMPLES_PER_SECOND;
            file.extend(page(7, position, &[packet.as_slice(); 50]));
        }
        file
    }

    fn read(file: &[u8], piece: usize) -> Result<Voice, NotVoice> {
        let mut reader = OpusReader::default();
        for piece in file.chunks(piece) {
            reader.read(piece)?;
        }
        reader.finish()
    }

    #[test]
    fn a_voice_message_is_read_in_pieces_of_any_size() {
        let file = voice(8);
        for piece in [1, 2, 26, 27, 28, 1_000, file.len()] {
            let voice = read(&file, piece).unwrap();
            assert_eq!(voice.seconds, 8, "{piece}");
            assert_eq!(voice.waveform.len(), 64, "{piece}");
            assert_eq!((voice.waveform[0], voice.waveform[15]), (100, 0));
        }
    }

    #[test]
    fn what_is_no_voice_message_is_refused_by_what_it_is() {
        let whole = voice(2);
        let vorbis = page(7, 0, &[&head(b"\x01vorbis\0")]);
        let mut chained = voice(1);
        chained.extend(page(8, 0, &[&head(b"OpusHead")]));
        let headers = page(7, 0, &[&head(b"OpusHead")]);
        for (file, why) in [
            (&b""[..], NotVoice::NotOgg),
            (b"ID3\x04", NotVoice::NotOgg),
            (b"Ogg", NotVoice::NotOgg),
            (&vorbis, NotVoice::NotOpus),
            (&page(7, 0, &[b"OpusHead"]), NotVoice::NotOpus),
            (&chained, NotVoice::SeveralStreams),
            (&headers, NotVoice::Truncated),
            (&whole[..whole.len() - 1], NotVoice::Truncated),
        ] {
            assert_eq!(read(file, 5), Err(why));
        }
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let whole = voice(1);
        for at in 0..whole.len().min(200) {
            for wrong in [0, 1, 0x7f, 0xff] {
                let mut file = whole.clone();
                file[at] = wrong;
                let _ = read(&file, 64);
            }
        }
    }
}
