//! Guests that no gateway would ship, built from their source.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The components that the binary ships.
pub(crate) const ACCESS_LOG: &[u8] = include_bytes!(env!("TALLYGATE_SHIPPED_ACCESS_LOG"));
pub(crate) const JSON: &[u8] = include_bytes!(env!("TALLYGATE_SHIPPED_JSON"));

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
        guest("unruly").display()
    )
}

/// The file of a guest, built once.
pub(crate) fn guest(name: &str) -> &'static Path {
    static BUILT: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("guests");
        let manifest = root().join("tests/guests/Cargo.toml");
        tallygate_guest_build::build(&manifest, &["empty", "unruly"], &target).expect("the guests build")
    });
    let file = built.iter().find(|file| file.file_stem().is_some_and(|stem| stem == name));
    file.unwrap_or_else(|| panic!("there is no guest {name}"))
}

/// The component of a guest that sins in one way, built once with all others.
pub(crate) fn sinner(name: &str) -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("guests");
        let manifest = root().join("tests/guests/Cargo.toml");
        tallygate_guest_build::build_examples(&manifest, "sins", &target).expect("the guests build")
    });
    std::fs::read(folder.join(name).with_extension("wasm")).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The same component in other bytes: with a custom section that says which variant it is.
pub(crate) fn variant(component: &[u8], number: u32) -> Vec<u8> {
    const NAME: &[u8] = b"variant";
    let mut varied = component.to_vec();
    let length = u8::try_from(1 + NAME.len() + 4).expect("a section of one length byte");
    varied.extend([0, length, u8::try_from(NAME.len()).expect("a short name")]);
    varied.extend(NAME);
    varied.extend(number.to_le_bytes());
    varied
}
