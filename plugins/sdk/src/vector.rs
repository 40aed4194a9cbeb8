//! Sixteen bytes at a time: WebAssembly's `simd128` in the sandbox, plain arrays elsewhere.
//!
//! Every hot function of the plugins carries `target_feature(enable = "simd128")` for the guest, so that a build
//! needs no compiler flags; the compiler inlines across functions only where both carry it.

pub use imp::Bytes16;

#[cfg(target_arch = "wasm32")]
mod imp {
    use core::arch::wasm32::*;

    /// Sixteen bytes, or sixteen answers of a comparison (all ones for true).
    #[derive(Clone, Copy)]
    pub struct Bytes16(v128);

    // === impl Bytes16 ===

    #[expect(missing_docs, reason = "the names are those of the instructions")]
    impl Bytes16 {
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn load(bytes: &[u8; 16]) -> Self {
            // SAFETY: the array holds exactly the sixteen bytes read, and the load needs no alignment.
            Self(unsafe { v128_load(bytes.as_ptr().cast()) })
        }

        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn equal(self, byte: u8) -> Self {
            Self(u8x16_eq(self.0, u8x16_splat(byte)))
        }

        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn same(self, other: Self) -> Self {
            Self(u8x16_eq(self.0, other.0))
        }

        /// As signed bytes, so that everything above 0x7f is below.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn below_signed(self, byte: i8) -> Self {
            Self(i8x16_lt(self.0, i8x16_splat(byte)))
        }

        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn below(self, byte: u8) -> Self {
            Self(u8x16_lt(self.0, u8x16_splat(byte)))
        }

        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn minus(self, byte: u8) -> Self {
            Self(u8x16_sub(self.0, u8x16_splat(byte)))
        }

        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn or(self, other: Self) -> Self {
            Self(v128_or(self.0, other.0))
        }

        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn and(self, other: Self) -> Self {
            Self(v128_and(self.0, other.0))
        }

        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn xor(self, other: Self) -> Self {
            Self(v128_xor(self.0, other.0))
        }

        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn is_zero(self) -> bool {
            !v128_any_true(self.0)
        }

        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn minus_saturating(self, byte: u8) -> Self {
            Self(u8x16_sub_sat(self.0, u8x16_splat(byte)))
        }

        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn high_halves(self) -> Self {
            Self(u8x16_shr(self.0, 4))
        }

        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn low_halves(self) -> Self {
            Self(v128_and(self.0, u8x16_splat(15)))
        }

        /// The sign bit of each byte; byte 0 is bit 0.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn mask(self) -> u32 {
            u32::from(u8x16_bitmask(self.0))
        }

        /// The bytes at `places`; zero where a place is above 15.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn pick(self, places: Self) -> Self {
            Self(u8x16_swizzle(self.0, places.0))
        }

        /// Four numbers `100 a + 10 b + c`, where a, b and c are the first, second and third four bytes, all
        /// below ten; as the bytes of an integer, the first number lowest. `None` if one is above 255.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn octets(self) -> Option<u32> {
            let weighed = u16x8_mul(u16x8_extend_low_u8x16(self.0), u16x8(100, 100, 100, 100, 10, 10, 10, 10));
            let ones = u16x8_extend_high_u8x16(self.0);
            let tens = u64x2_shuffle::<1, 1>(weighed, weighed);
            let sum = u16x8_add(u16x8_add(weighed, tens), ones);
            let above = u64x2_extract_lane::<0>(sum) & 0xff00_ff00_ff00_ff00;
            (above == 0).then_some(u32x4_extract_lane::<0>(u8x16_narrow_i16x8(sum, sum)))
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod imp {
    use core::array::from_fn;

    /// Sixteen bytes, or sixteen answers of a comparison (all ones for true).
    #[derive(Clone, Copy)]
    pub struct Bytes16([u8; 16]);

    // === impl Bytes16 ===

    #[expect(missing_docs, reason = "the names are those of the instructions")]
    impl Bytes16 {
        #[inline]
        pub fn load(bytes: &[u8; 16]) -> Self {
            Self(*bytes)
        }

        #[inline]
        pub fn equal(self, byte: u8) -> Self {
            self.compare(|own| own == byte)
        }

        #[inline]
        pub fn same(self, other: Self) -> Self {
            Self(from_fn(|at| if self.0[at] == other.0[at] { 0xff } else { 0 }))
        }

        /// As signed bytes, so that everything above 0x7f is below.
        #[inline]
        pub fn below_signed(self, byte: i8) -> Self {
            self.compare(|own| own.cast_signed() < byte)
        }

        #[inline]
        pub fn below(self, byte: u8) -> Self {
            self.compare(|own| own < byte)
        }

        #[inline]
        pub fn minus(self, byte: u8) -> Self {
            Self(self.0.map(|own| own.wrapping_sub(byte)))
        }

        #[inline]
        pub fn or(self, other: Self) -> Self {
            Self(from_fn(|at| self.0[at] | other.0[at]))
        }

        #[inline]
        pub fn and(self, other: Self) -> Self {
            Self(from_fn(|at| self.0[at] & other.0[at]))
        }

        #[inline]
        pub fn xor(self, other: Self) -> Self {
            Self(from_fn(|at| self.0[at] ^ other.0[at]))
        }

        #[inline]
        pub fn is_zero(self) -> bool {
            self.0 == [0; 16]
        }

        #[inline]
        pub fn minus_saturating(self, byte: u8) -> Self {
            Self(self.0.map(|own| own.saturating_sub(byte)))
        }

        #[inline]
        pub fn high_halves(self) -> Self {
            Self(self.0.map(|own| own >> 4))
        }

        #[inline]
        pub fn low_halves(self) -> Self {
            Self(self.0.map(|own| own & 15))
        }

        /// The sign bit of each byte; byte 0 is bit 0.
        #[inline]
        pub fn mask(self) -> u32 {
            self.0.iter().rev().fold(0, |mask, byte| mask << 1 | u32::from(byte >> 7))
        }

        /// The bytes at `places`; zero where a place is above 15.
        #[inline]
        pub fn pick(self, places: Self) -> Self {
            Self(places.0.map(|place| self.0.get(usize::from(place)).copied().unwrap_or(0)))
        }

        /// Four numbers `100 a + 10 b + c`, where a, b and c are the first, second and third four bytes, all
        /// below ten; as the bytes of an integer, the first number lowest. `None` if one is above 255.
        #[inline]
        pub fn octets(self) -> Option<u32> {
            let number = |at: usize| {
                let [a, b, c] = [0, 4, 8].map(|part| u32::from(self.0[part + at]));
                100 * a + 10 * b + c
            };
            let numbers: [u32; 4] = from_fn(number);
            let fit = numbers.iter().all(|number| *number < 256);
            fit.then_some(numbers.iter().rev().fold(0, |all, number| all << 8 | number))
        }

        #[inline]
        fn compare(self, is: impl Fn(u8) -> bool) -> Self {
            Self(self.0.map(|own| if is(own) { 0xff } else { 0 }))
        }
    }
}
