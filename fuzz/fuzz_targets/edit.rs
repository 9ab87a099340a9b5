//! Edits authentic bytes as the fuzzer's input specifies: the fuzzer cannot create a valid tag, but it can move parts
//! that have one.

/// Applies edits of seven bytes each: kind, source, length, target.
pub fn edit(genuine: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut bytes = genuine.to_vec();
    for edit in edits.chunks_exact(7) {
        let number = |at: usize| usize::from(u16::from_le_bytes([edit[at], edit[at + 1]]));
        let from = number(1).min(bytes.len());
        let until = (from + number(3)).min(bytes.len());
        let to = number(5).min(bytes.len());
        let taken = bytes[from..until].to_vec();
        match edit[0] % 6 {
            0 => bytes[from..until]
                .iter_mut()
                .for_each(|byte| *byte ^= edit[5]),
            1 => drop(bytes.drain(from..until)),
            2 => drop(bytes.splice(to..to, taken)),
            3 => bytes.truncate(from),
            4 => bytes.extend(std::iter::repeat_n(edit[5], number(3))),
            _ => {
                let end = (to + taken.len()).min(bytes.len());
                bytes[to..end].copy_from_slice(&taken[..end - to]);
            }
        }
    }
    bytes
}
