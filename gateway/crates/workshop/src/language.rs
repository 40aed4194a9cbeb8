//! The languages that plugins are written in.

/// A language that there is a template and a toolchain for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    /// Rust, built by cargo.
    Rust,
    /// Go, built by its own compiler.
    Go,
    /// JavaScript, built by componentize-js.
    JavaScript,
    /// Python, built by componentize-py.
    Python,
    /// C, built by clang.
    C,
}

// === impl Language ===

impl Language {
    /// All of them, in the order in which they are listed to people.
    pub const ALL: [Self; 5] = [Self::Rust, Self::Go, Self::JavaScript, Self::Python, Self::C];

    /// The language that `name` stands for on the command line and in `plugin.toml`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.name() == name)
    }

    /// What it is called on the command line and in `plugin.toml`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Go => "go",
            Self::JavaScript => "js",
            Self::Python => "python",
            Self::C => "c",
        }
    }
}
