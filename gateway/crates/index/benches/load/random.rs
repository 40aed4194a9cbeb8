//! Numbers and addresses that look random, the same each time.

/// Sebastiano Vigna's SplitMix64, its n-th number.
pub(crate) fn random(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The address of a client: runs of 64 within a /24, all over the address space.
pub(crate) fn client(n: u64) -> u32 {
    (random(n >> 6) as u32) << 6 | n as u32 & 63
}
