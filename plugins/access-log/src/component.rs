//! The component's exports.

use alloc::{string::String, vec::Vec};

use tallygate_guest::guest::{
    Instance,
    bindings::{
        self,
        exports::tallygate::plugin::extractor::{Guest, Info, Outcome},
    },
};

use crate::AccessLog;

static INSTANCE: Instance<AccessLog> = Instance::new();

struct Component;

bindings::export!(Component with_types_in bindings);

// === impl Component ===

impl Guest for Component {
    fn describe() -> Info {
        Instance::<AccessLog>::describe()
    }

    fn configure(settings: Vec<(String, String)>) -> Result<(), String> {
        INSTANCE.configure(&settings)
    }

    fn extract(data: Vec<u8>, starts: Vec<u32>, ends: Vec<u32>) -> Outcome {
        INSTANCE.extract(&data, &starts, &ends)
    }

    fn explain(record: Vec<u8>) -> Result<String, String> {
        INSTANCE.explain(&record)
    }
}
