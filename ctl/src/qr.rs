//! A QR code as the agent sends it, in bits. This module only draws it; the client needs no QR library.

pub(crate) mod blocks;
pub(crate) mod png;
pub(crate) mod svg;

/// Light modules around the code. ISO/IEC 18004 requires four.
pub(crate) const QUIET_ZONE_MODULES: usize = 4;
/// The minimum around a code on a small terminal; current scanners accept it.
const MIN_QUIET_ZONE_MODULES: usize = 2;

/// The modules of one code. It is a credential, so it has no `Debug`.
#[derive(Clone)]
pub(crate) struct Matrix {
    size: usize,
    quiet: usize,
    bits: Vec<u8>,
}

impl Matrix {
    /// Parses `size` × `size` bits, row by row, most significant first, without padding between rows. `None` unless the
    /// size is that of a QR code: 21, 25, … 177 modules per side.
    pub(crate) fn read(size: u32, bits: &[u8]) -> Option<Self> {
        let size = usize::try_from(size).ok()?;
        let is_code = (21..=177).contains(&size) && (size - 17).is_multiple_of(4);
        (is_code && bits.len() == (size * size).div_ceil(8)).then(|| Self {
            size,
            quiet: QUIET_ZONE_MODULES,
            bits: bits.to_vec(),
        })
    }

    /// The same code with half the quiet zone.
    pub(crate) fn compact(&self) -> Self {
        Self {
            quiet: MIN_QUIET_ZONE_MODULES,
            ..self.clone()
        }
    }

    /// Modules per side, including the quiet zone.
    pub(crate) fn side(&self) -> usize {
        self.size + 2 * self.quiet
    }

    /// True for a dark module. Coordinates include the quiet zone; everything outside is light.
    pub(crate) fn is_dark(&self, x: usize, y: usize) -> bool {
        let inside = self.quiet..self.quiet + self.size;
        if !inside.contains(&x) || !inside.contains(&y) {
            return false;
        }
        let bit = (y - self.quiet) * self.size + (x - self.quiet);
        self.bits[bit / 8] & (0x80 >> (bit % 8)) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_sizes_with_all_bits_are_accepted() {
        assert!(Matrix::read(21, &[0; 56]).is_some());
        for (size, bytes) in [
            (0, 0),
            (20, 50),
            (22, 61),
            (21, 55),
            (21, 57),
            (181, 4096),
            (u32::MAX, 0),
        ] {
            assert!(
                Matrix::read(size, &vec![0; bytes]).is_none(),
                "{size}, {bytes}"
            );
        }
    }

    #[test]
    fn the_quiet_zone_is_light_and_the_first_bit_is_top_left() {
        let mut bits = [0xff; 56];
        bits[0] = 0x80;
        let matrix = Matrix::read(21, &bits).unwrap();
        assert_eq!(matrix.side(), 29);
        assert!(matrix.is_dark(4, 4) && !matrix.is_dark(5, 4));
        assert!((0..29).all(|i| !matrix.is_dark(i, 3) && !matrix.is_dark(25, i)));
    }
}
