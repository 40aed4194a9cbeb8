//! JavaScript, by componentize-js, which puts the sources into a JavaScript engine that is a component.

use std::path::PathBuf;

use crate::environment::program;

use super::{Build, BuildError, Output};

pub(super) struct ComponentizeJs {
    tool: PathBuf,
}

// === impl ComponentizeJs ===

impl ComponentizeJs {
    /// Installs what `package.json` names if that has not been done, or not since it changed: what whoever writes
    /// JavaScript would do by hand.
    pub(super) fn find(build: &mut Build<'_>) -> Result<Self, BuildError> {
        const REMEDY: &str =
            "install Node.js 20 or newer with npm, from https://nodejs.org or by `apt-get install nodejs npm`";
        if build.environment.find("node").is_none() {
            return Err(build.missing("there is no `node`", REMEDY));
        }
        let folder = build.project.folder().to_owned();
        if build.is_newer("package.json", "node_modules/.package-lock.json") {
            let Some(npm) = build.environment.find("npm") else {
                return Err(build.missing("there is no `npm`", REMEDY));
            };
            let mut command = build.command(&npm);
            command.args(["install", "--no-audit", "--no-fund", "--loglevel=error"]);
            build.run(&mut command)?;
        }
        match program(&folder.join("node_modules/.bin"), "componentize-js") {
            Some(tool) => Ok(Self { tool }),
            None => {
                let what = "node_modules has no `componentize-js`";
                Err(build.missing(
                    what,
                    "run `npm install --save-dev @bytecodealliance/componentize-js@0.23.0` in the folder",
                ))
            }
        }
    }

    pub(super) fn run(&self, build: &mut Build<'_>) -> Result<Output, BuildError> {
        let component = build.scratch.join("component.wasm");
        let mut command = build.command(&self.tool);
        command.args(["sdk/component.js", "--wit", "sdk/wit", "--world-name", "plugin", "--out"]).arg(&component);
        // Each of these would make the plugin ask for something that the gateway does not give.
        command.args(["--disable", "stdio", "random", "clocks", "http", "fetch-event"]);
        build.run(&mut command)?;
        Ok(Output::Component(component))
    }
}
