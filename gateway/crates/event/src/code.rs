/// Why a record was rejected; the byte that a plugin answers with, beyond the two that accept.
///
/// The values below 32 are shared by all plugins. From 128 on they belong to the plugin, which names them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Code(pub u8);

// === impl Code ===

impl Code {
    /// The record is not of the format expected.
    pub const MALFORMED: Self = Self(16);
    /// Well formed, but without a field that could carry an address.
    pub const FIELD_MISSING: Self = Self(17);
    /// Such a field holds something else.
    pub const NOT_AN_ADDRESS: Self = Self(18);
    /// Excluded by settings.
    pub const POLICY: Self = Self(19);
    /// Longer than allowed.
    pub const TOO_LONG: Self = Self(20);
    /// The plugin trapped, missed its deadline or broke its contract on this very record.
    /// Given by the host alone: a plugin that answers it breaks the contract.
    pub const TRAP: Self = Self(30);
    /// None of the others.
    pub const OTHER: Self = Self(31);
    /// The first of the codes that a plugin defines for itself.
    pub const FIRST_OF_PLUGIN: u8 = 128;

    /// The code of a status byte that a plugin answered, unless the byte accepts the record or breaks the contract.
    #[must_use]
    pub fn from_plugin(status: u8) -> Option<Self> {
        matches!(status, 16..=20 | 31 | Self::FIRST_OF_PLUGIN..).then_some(Self(status))
    }

    /// Why a record was rejected with this code, out of what its plugin explained of it: of one that names no client, which is
    /// rejected for the route's sake, the plugin says what it read. `None` if its words are not about the reject.
    #[must_use]
    pub fn reason(self, explained: Result<String, String>) -> Option<String> {
        match explained {
            Ok(words) if self == Self::FIELD_MISSING => Some(words),
            explained => explained.err(),
        }
    }

    /// The name of a code that all plugins share; `None` for the plugin's own.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::MALFORMED => "malformed",
            Self::FIELD_MISSING => "field-missing",
            Self::NOT_AN_ADDRESS => "not-an-address",
            Self::POLICY => "policy",
            Self::TOO_LONG => "too-long",
            Self::TRAP => "trap",
            Self::OTHER => "other",
            _ => return None,
        })
    }
}
