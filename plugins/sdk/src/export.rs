//! What makes a type the plugin.

/// Exports a type that implements [`Format`](crate::Format) as the plugin.
///
/// A macro, because the exports of a component are functions and statics of the crate that becomes it.
#[macro_export]
macro_rules! export {
    ($format:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::abi::{Input, Instance, WORLD};

            static INSTANCE: Instance<$format> = Instance::new();

            #[unsafe(link_section = "component-type:tallygate:plugin@1.0.0")]
            static WORLD_SECTION: [u8; WORLD.len()] = *WORLD;

            #[unsafe(export_name = "tallygate:plugin/extractor@1.0.0#describe")]
            extern "C" fn describe() -> *const u8 {
                INSTANCE.describe()
            }

            #[unsafe(export_name = "tallygate:plugin/extractor@1.0.0#configure")]
            unsafe extern "C" fn configure(settings: *mut [$crate::abi::List; 2], length: usize) -> *const u8 {
                // SAFETY: the gateway passes a list of its own.
                INSTANCE.configure(&unsafe { Input::new(settings, length) })
            }

            #[unsafe(export_name = "tallygate:plugin/extractor@1.0.0#extract")]
            unsafe extern "C" fn extract(
                data: *mut u8,
                bytes: usize,
                bounds: *mut u32,
                count: usize,
                received: i64,
            ) -> *const u8 {
                // SAFETY: the gateway passes a list of its own.
                let data = unsafe { Input::new(data, bytes) };
                // SAFETY: as above.
                let bounds = unsafe { Input::new(bounds, count) };
                INSTANCE.extract(&data, &bounds, received)
            }

            #[unsafe(export_name = "tallygate:plugin/extractor@1.0.0#explain")]
            unsafe extern "C" fn explain(record: *mut u8, bytes: usize, received: i64) -> *const u8 {
                // SAFETY: the gateway passes a list of its own.
                INSTANCE.explain(&unsafe { Input::new(record, bytes) }, received)
            }
        };
    };
}
