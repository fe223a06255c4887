//! Numbers and texts packed into bits, for [`crate::statistics`].

/// Writes bits, the most significant first.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    /// Free bits in the last byte.
    free: u32,
}

impl BitWriter {
    /// Writes the `width` low bits of `value`.
    pub(crate) fn bits(&mut self, value: impl Into<u128>, width: u32) {
        let value = value.into();
        for place in (0..width).rev() {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            self.free -= 1;
            if let Some(last) = self.bytes.last_mut()
                && (value >> place) & 1 == 1
            {
                *last |= 1 << self.free;
            }
        }
    }

    /// Writes a number of any size: seven bits at a time, the lowest first, each group after a bit that says whether
    /// more follow.
    pub(crate) fn number(&mut self, mut value: u64) {
        while value > 0x7f {
            self.bits(0x80 | (value & 0x7f), 8);
            value >>= 7;
        }
        self.bits(value, 8);
    }

    /// Writes a text after its length in bytes.
    pub(crate) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.align();
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Leaves the rest of the last byte empty.
    pub(crate) fn align(&mut self) {
        self.free = 0;
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads what [`BitWriter`] wrote. Each method returns `None` if the input ends early or is not valid.
#[derive(Debug, Clone)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    /// In bits.
    position: usize,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// The next `width` bits, at most 64.
    pub(crate) fn bits(&mut self, width: u32) -> Option<u64> {
        let end = self.position.checked_add(usize::try_from(width).ok()?)?;
        let bytes = self.bytes.get(self.position / 8..end.div_ceil(8))?;
        // At most nine bytes; the bits before and after the wanted ones are dropped.
        let value = bytes.iter().fold(0_u128, |value, byte| value << 8 | u128::from(*byte));
        let value = value >> (end.next_multiple_of(8) - end) & ((1_u128 << width) - 1);
        self.position = end;
        u64::try_from(value).ok()
    }

    /// The next `width` bits, at most 128.
    pub(crate) fn wide_bits(&mut self, width: u32) -> Option<u128> {
        match width.checked_sub(u64::BITS) {
            None => self.bits(width).map(u128::from),
            Some(high) => Some(u128::from(self.bits(high)?) << u64::BITS | u128::from(self.bits(u64::BITS)?)),
        }
    }

    /// Skips `count` bits.
    pub(crate) fn skip(&mut self, count: usize) -> Option<()> {
        let end = self.position.checked_add(count)?;
        self.position = end;
        (end <= self.bytes.len() * 8).then_some(())
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.bits(8)?;
            value |= (byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A width in bits, at most `most`.
    pub(crate) fn width(&mut self, most: u32) -> Option<u32> {
        u32::try_from(self.number()?).ok().filter(|width| *width <= most)
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        self.align();
        let start = self.position / 8;
        let text = self.bytes.get(start..start.checked_add(length)?)?;
        self.position += length * 8;
        std::str::from_utf8(text).ok()
    }

    pub(crate) fn align(&mut self) {
        self.position = self.position.next_multiple_of(8);
    }

    pub(crate) fn is_done(&self) -> bool {
        self.position == self.bytes.len() * 8
    }
}
