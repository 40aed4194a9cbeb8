//! The `memory` example with mimalloc, the allocator that the gateway is likely to use.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[path = "memory.rs"]
mod memory;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    memory::main()
}
