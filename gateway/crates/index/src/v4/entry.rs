use super::arena::Block;

/// The state of one /16 in 64 bits, so that one compare-and-swap takes it from one state to the next.
///
/// ```text
/// 63            32 31          16 15     6 5    2    1       0
/// first line       how many       unused   kind      zero?   locked?
/// ```
///
/// `kind` is 0 for a /16 without any address, else the order of its block plus one; a block of
/// [`Entry::BITMAP_ORDER`] is a bitmap, a smaller one a table.
///
/// While a page is a table, every change of it raises `how many`, and nothing ever lowers it; a removal makes it a bitmap
/// first. So an entry never comes back to a value that it had before: who finds it unchanged knows that the page did not
/// change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry(pub(super) u64);

/// What a /16 is stored as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Page {
    /// No address yet.
    Vacant,
    /// A few addresses, as a table of suffixes.
    Table(Block),
    /// Many addresses, as one bit for each possible one. The last state of a page.
    Bitmap(Block),
}

// === impl Entry ===

impl Entry {
    pub(super) const VACANT: Self = Self(0);
    /// 128 lines are 65,536 bits.
    pub(super) const BITMAP_ORDER: u8 = 7;

    const LOCKED: u64 = 1;
    const ZERO: u64 = 1 << 1;
    const KIND_SHIFT: u32 = 2;
    const KIND_MASK: u64 = 0xf;
    const COUNT_SHIFT: u32 = 16;
    const COUNT_ONE: u64 = 1 << Self::COUNT_SHIFT;
    const COUNT_MASK: u64 = 0xffff;
    const BLOCK_SHIFT: u32 = 32;

    #[inline]
    pub(super) fn page(self) -> Page {
        let kind = (self.0 >> Self::KIND_SHIFT) & Self::KIND_MASK;
        if kind == 0 {
            return Page::Vacant;
        }
        let block = Block { line: (self.0 >> Self::BLOCK_SHIFT) as u32, order: (kind - 1) as u8 };
        if block.order == Self::BITMAP_ORDER { Page::Bitmap(block) } else { Page::Table(block) }
    }

    #[inline]
    pub(super) fn is_locked(self) -> bool {
        self.0 & Self::LOCKED != 0
    }

    #[inline]
    pub(super) fn locked(self) -> Self {
        Self(self.0 | Self::LOCKED)
    }

    /// Whether a table page holds suffix 0, which its slots cannot express.
    #[inline]
    pub(super) fn has_zero(self) -> bool {
        self.0 & Self::ZERO != 0
    }

    /// How many addresses a table page holds, suffix 0 included.
    #[inline]
    pub(super) fn count(self) -> u32 {
        ((self.0 >> Self::COUNT_SHIFT) & Self::COUNT_MASK) as u32
    }

    /// The same page, unlocked, with one more address in its slots.
    #[inline]
    pub(super) fn with_one_more(self) -> Self {
        Self((self.0 & !Self::LOCKED) + Self::COUNT_ONE)
    }

    /// The same page, unlocked, now with suffix 0.
    #[inline]
    pub(super) fn with_zero(self) -> Self {
        Self(self.with_one_more().0 | Self::ZERO)
    }

    /// The same addresses in another block.
    #[inline]
    pub(super) fn moved_to(self, block: Block) -> Self {
        let kept = self.0 & (Self::LOCKED | Self::ZERO | (Self::COUNT_MASK << Self::COUNT_SHIFT));
        let kind = u64::from(block.order) + 1;
        Self(kept | (kind << Self::KIND_SHIFT) | (u64::from(block.line) << Self::BLOCK_SHIFT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_touch_each_other() {
        let block = Block { line: u32::MAX, order: 6 };
        let entry = Entry::VACANT.locked().moved_to(block).with_zero();
        assert_eq!(entry.page(), Page::Table(block));
        assert_eq!((entry.count(), entry.has_zero(), entry.is_locked()), (1, true, false));
        let bitmap = Block { line: 5, order: Entry::BITMAP_ORDER };
        let entry = entry.locked().with_one_more().moved_to(bitmap);
        assert_eq!(entry.page(), Page::Bitmap(bitmap));
        assert_eq!((entry.count(), entry.has_zero(), entry.is_locked()), (2, true, false));
    }
}
