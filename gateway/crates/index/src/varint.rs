//! Numbers of any size in as few bytes as they need: seven bits to a byte, the lowest first (LEB128, as in DWARF 5,
//! section 7.6).

/// What was read ends too early, or is no number that can stand there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("it breaks off, or holds a number that cannot be")]
pub(crate) struct Truncated;

pub(crate) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(crate) fn get(input: &mut &[u8]) -> Result<u64, Truncated> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = input.split_first().ok_or(Truncated)?;
        *input = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Truncated)
}

pub(crate) fn get_u32(input: &mut &[u8]) -> Result<u32, Truncated> {
    u32::try_from(get(input)?).map_err(|_| Truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for number in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            let mut input = &*bytes;
            assert_eq!(get(&mut input), Ok(number));
            assert!(input.is_empty());
            assert_eq!(get(&mut &bytes[..bytes.len() - 1]), Err(Truncated));
        }
        assert_eq!(get(&mut &[0xff; 11][..]), Err(Truncated));
        assert_eq!(get_u32(&mut &[0x80, 0x80, 0x80, 0x80, 0x10][..]), Err(Truncated));
    }
}
