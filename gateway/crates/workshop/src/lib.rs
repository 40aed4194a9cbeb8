//! The plugin workshop: makes plugin projects from templates, and builds them, whatever language they are in.
//!
//! A project is a folder with a `plugin.toml`. [`create`] makes one, [`Project::open`] reads one, [`Project::build`] runs
//! its language's toolchain and leaves a component beside the sources. Nothing here runs a plugin.

#![warn(clippy::disallowed_methods)]

mod component;
mod create;
mod environment;
mod language;
mod project;
mod sources;
mod toolchain;

pub use create::{CreateError, create};
pub use environment::Environment;
pub use language::Language;
pub use project::{Project, ProjectError};
pub use toolchain::{BuildError, Built};
