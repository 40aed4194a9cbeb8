//! What Tallygate does, seen from outside: every test starts the real binary and talks to it as its clients do.

mod addresses;
mod bounds;
mod command_line;
mod compiling;
mod concurrency;
mod containment;
mod documents;
mod durability;
mod encodings;
mod first_use;
mod harness;
mod hostile;
mod ingest;
mod operations;
mod plugin_command;
mod protocols;
mod queries;
mod readme;
mod reloading;
mod routes;
mod sins;
mod smuggling;
mod stopping;
mod swapping;
mod swapping_under_load;
mod tidy;
