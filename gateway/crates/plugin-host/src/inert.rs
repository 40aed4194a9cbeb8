//! Stand-ins for the system interfaces that some toolchains link into every guest, needed or not.
//!
//! They tell nothing and do nothing: environments and directories are empty, clocks stand at zero, random bytes are
//! zero, files and sockets cannot be opened, `exit` traps. What is written to standard output or error goes to the plugin's
//! rate-limited log, where a panic or an exception reaches the author. Nothing of the host leaks through them. They are made
//! from the imports' own types, so that any `wasi:` interface a toolchain comes up with is covered.

use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker, LinkerInstance, Resource, ResourceAny, ResourceType, Type, Val};
use wasmtime::{Engine, Result, StoreContextMut, bail};

use crate::guest::{Guest, Stream};

/// The package namespace that is stubbed; everything else that a component imports is refused.
pub(crate) const NAMESPACE: &str = "wasi:";

/// What a guest holds when a stub hands it a resource: nothing. Its number says no more than which standard stream it is.
struct Nothing;

/// The numbers of resources.
const NO_STREAM: u32 = 0;
const STANDARD_OUTPUT: u32 = 1;
const STANDARD_ERROR: u32 = 2;

/// What a stub does.
#[derive(Clone, Copy)]
struct Stub {
    /// Whether it answers an error where it can.
    refuse: bool,
    /// Whether it takes what is written to a stream.
    takes_writing: bool,
    /// The number of the resources that it hands out.
    resource: u32,
}

/// The longest run of zeros that a guest gets when it asks for bytes.
const MOST_BYTES: u64 = 64 << 10;

/// Defines in `linker` every interface of [`NAMESPACE`] that `component` imports.
pub(crate) fn define(linker: &mut Linker<Guest>, engine: &Engine, component: &Component) -> Result<()> {
    for (name, import) in component.component_type().imports(engine) {
        if !name.starts_with(NAMESPACE) {
            continue;
        }
        let ComponentItem::ComponentInstance(interface) = import.ty else {
            bail!("import {name} is not an interface");
        };
        define_interface(&mut linker.instance(name)?, engine, name, &interface)?;
    }
    Ok(())
}

fn define_interface(
    linker: &mut LinkerInstance<'_, Guest>,
    engine: &Engine,
    interface_name: &str,
    interface: &ComponentInstance,
) -> Result<()> {
    for (name, export) in interface.exports(engine) {
        match export.ty {
            ComponentItem::Resource(_) => {
                linker.resource(name, ResourceType::host::<Nothing>(), |_, _| Ok(()))?;
            }
            ComponentItem::ComponentFunc(_) if interface_name.starts_with("wasi:cli/exit") => {
                linker.func_new(name, |_, _, _, _| bail!("the plugin asked to exit"))?;
            }
            ComponentItem::ComponentFunc(_) => {
                let stub = Stub::of(interface_name, name);
                linker.func_new(name, move |mut store, function, params, results| {
                    if !(stub.takes_writing && take_writing(&mut store, params)?) {
                        give_back(&mut store, params)?;
                    }
                    for (result, ty) in results.iter_mut().zip(function.results()) {
                        *result = stub.answer(&mut store, &ty, params)?;
                    }
                    Ok(())
                })?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// What a guest writes to a standard stream goes to its log; what it writes elsewhere, nowhere. False if this is no call that
/// writes; else the stream, which was lent, is given back.
fn take_writing(store: &mut StoreContextMut<'_, Guest>, params: &[Val]) -> Result<bool> {
    let [Val::Resource(stream), Val::List(bytes)] = params else { return Ok(false) };
    // This gives it back.
    let stream = match stream.try_into_resource::<Nothing>(&mut *store)?.rep() {
        STANDARD_OUTPUT => Stream::Output,
        STANDARD_ERROR => Stream::Error,
        _ => return Ok(true),
    };
    let bytes = bytes.iter().filter_map(|byte| if let Val::U8(byte) = byte { Some(*byte) } else { None });
    store.data_mut().write(stream, bytes);
    Ok(true)
}

/// What was lent for the call must be given back at its end.
fn give_back(store: &mut StoreContextMut<'_, Guest>, params: &[Val]) -> Result<()> {
    for param in params {
        match param {
            Val::Resource(resource) => resource.resource_drop(&mut *store)?,
            Val::List(values) => give_back(store, values)?,
            _ => {}
        }
    }
    Ok(())
}

// === impl Stub ===

impl Stub {
    fn of(interface: &str, function: &str) -> Self {
        let of_any = |interfaces: &[&str]| interfaces.iter().any(|prefix| interface.starts_with(prefix));
        Self {
            refuse: of_any(&["wasi:filesystem/", "wasi:sockets/", "wasi:http/"]),
            takes_writing: of_any(&["wasi:io/streams@"]) && function.starts_with("[method]output-stream."),
            resource: match function {
                "get-stdout" if of_any(&["wasi:cli/stdout@"]) => STANDARD_OUTPUT,
                "get-stderr" if of_any(&["wasi:cli/stderr@"]) => STANDARD_ERROR,
                _ => NO_STREAM,
            },
        }
    }

    /// The answer of a stub: zeros for a guest that asks for a number of bytes, else the emptiest value.
    fn answer(self, store: &mut StoreContextMut<'_, Guest>, ty: &Type, params: &[Val]) -> Result<Val> {
        match (ty, params) {
            (Type::List(list), [Val::U64(count)]) if list.ty() == Type::U8 => {
                Ok(Val::List((0..*count.min(&MOST_BYTES)).map(|_| Val::U8(0)).collect()))
            }
            _ => empty(store, ty, self),
        }
    }
}

/// The emptiest value of a type. A result is an error where the stub refuses, else a success.
fn empty(store: &mut StoreContextMut<'_, Guest>, ty: &Type, stub: Stub) -> Result<Val> {
    Ok(match ty {
        Type::Bool => Val::Bool(false),
        Type::S8 => Val::S8(0),
        Type::U8 => Val::U8(0),
        Type::S16 => Val::S16(0),
        Type::U16 => Val::U16(0),
        Type::S32 => Val::S32(0),
        Type::U32 => Val::U32(0),
        Type::S64 => Val::S64(0),
        Type::U64 => Val::U64(0),
        Type::Float32 => Val::Float32(0.0),
        Type::Float64 => Val::Float64(0.0),
        Type::Char => Val::Char('\0'),
        Type::String => Val::String(String::new()),
        Type::List(_) => Val::List(Vec::new()),
        Type::Option(_) => Val::Option(None),
        Type::Flags(_) => Val::Flags(Vec::new()),
        Type::Record(record) => {
            let mut fields = Vec::new();
            for field in record.fields() {
                fields.push((field.name.to_owned(), empty(store, &field.ty, stub)?));
            }
            Val::Record(fields)
        }
        Type::Tuple(tuple) => {
            let mut values = Vec::new();
            for ty in tuple.types() {
                values.push(empty(store, &ty, stub)?);
            }
            Val::Tuple(values)
        }
        Type::Enum(cases) => match cases.names().next() {
            Some(name) => Val::Enum(name.to_owned()),
            None => bail!("an enumeration without a case has no value"),
        },
        Type::Variant(variant) => {
            let Some(case) = variant.cases().next() else { bail!("a variant without a case has no value") };
            let payload = payload(store, case.ty, stub)?;
            Val::Variant(case.name.to_owned(), payload)
        }
        Type::Result(result) if stub.refuse => Val::Result(Err(payload(store, result.err(), stub)?)),
        // A stream says how much may be written to it: enough that nobody waits for room.
        Type::Result(result) if result.ok() == Some(Type::U64) => Val::Result(Ok(Some(Box::new(Val::U64(MOST_BYTES))))),
        Type::Result(result) => Val::Result(Ok(payload(store, result.ok(), stub)?)),
        Type::Own(_) => {
            let nothing = Resource::<Nothing>::new_own(stub.resource);
            Val::Resource(ResourceAny::try_from_resource(nothing, store)?)
        }
        other => bail!("no stand-in for a value of type {other:?}"),
    })
}

fn payload(store: &mut StoreContextMut<'_, Guest>, ty: Option<Type>, stub: Stub) -> Result<Option<Box<Val>>> {
    ty.map(|ty| empty(store, &ty, stub).map(Box::new)).transpose()
}
