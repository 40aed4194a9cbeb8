/// Whose records these are. All that is kept, counted and asked for is one tenant's.
///
/// The number is what files on disk have: it never changes its meaning.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct TenantId(pub u32);

// === impl TenantId ===

impl TenantId {
    /// The tenant of everything, as long as there are no others.
    pub const DEFAULT: Self = Self(0);
}
