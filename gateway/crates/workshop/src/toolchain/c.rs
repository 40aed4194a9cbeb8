//! C, by clang: it makes WebAssembly out of the box, and the SDK needs no C library.

use std::path::PathBuf;

use super::{Build, BuildError, Output};

/// What the gateway runs, without a C library; the linker finds unknown names and says so. Functions keep their names, so that
/// the gateway can say where a plugin failed.
const FLAGS: [&str; 14] = [
    "--target=wasm32",
    "-std=c11",
    "-O2",
    "-ffreestanding",
    "-nostdlib",
    "-fvisibility=hidden",
    "-mbulk-memory",
    "-msign-ext",
    "-mnontrapping-fptoint",
    "-Wall",
    "-Wextra",
    "-Wl,--no-entry",
    "-Wl,--strip-debug",
    "-o",
];

pub(super) struct Compiler {
    clang: PathBuf,
}

// === impl Compiler ===

impl Compiler {
    pub(super) fn find(build: &mut Build<'_>) -> Result<Self, BuildError> {
        const REMEDY: &str = "run `apt-get install clang lld`, or what gets clang and lld on this machine";
        let Some(clang) = build.environment.find("clang") else {
            return Err(build.missing("there is no `clang`", REMEDY));
        };
        // Debian has the linker in a package of its own; elsewhere it lies beside the compiler.
        let beside = build.ask(build.command(&clang).arg("--print-prog-name=wasm-ld"));
        if build.environment.find("wasm-ld").is_none() && !beside.is_some_and(|path| PathBuf::from(path).is_absolute())
        {
            return Err(build.missing("there is no `wasm-ld`, which clang needs", REMEDY));
        }
        Ok(Self { clang })
    }

    pub(super) fn run(&self, build: &mut Build<'_>) -> Result<Output, BuildError> {
        let module = build.scratch.join("module.wasm");
        let sources = build.project.sources().map_err(|error| build.system("list", build.project.folder(), error))?;
        let tests = build.project.folder().join("tests");
        let is_c =
            |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "c") && !path.starts_with(&tests);
        let mut command = build.command(&self.clang);
        command.args(FLAGS).arg(&module).args(sources.iter().filter(is_c));
        build.run(&mut command)?;
        Ok(Output::Module(module))
    }
}
