//! Guests that no gateway would ship, built from their source.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The top of the checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the gateway lies in the checkout").to_path_buf()
}

/// A configuration with the guest that does what its records tell it to, at `/unruly`. Its calls may take `time`.
pub(crate) fn config_with_unruly_guest(time: &str) -> String {
    format!(
        r#"
        [plugins.unruly]
        path = "{}"
        limits = {{ time = "{time}" }}
        [[routes]]
        path = "/unruly"
        plugins = ["unruly"]
        "#,
        unruly().display()
    )
}

fn unruly() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("guests");
        let manifest = root().join("tests/guests/Cargo.toml");
        let built = tallygate_guest_build::build(&manifest, &["unruly"], &target).expect("the guest builds");
        built.into_iter().next().expect("a component for the package")
    })
}
