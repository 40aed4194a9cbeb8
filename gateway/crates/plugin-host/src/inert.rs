//! Stand-ins for the system interfaces that some toolchains link into every guest, needed or not.
//!
//! They tell nothing and do nothing: environments and directories are empty, clocks stand at zero, random bytes are
//! zero, what is written is dropped, files and sockets cannot be opened, `exit` traps. Nothing of the host leaks through
//! them. They are made from the imports' own types, so that any `wasi:` interface a toolchain comes up with is covered.

use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker, LinkerInstance, Resource, ResourceAny, ResourceType, Type, Val};
use wasmtime::{Engine, Result, StoreContextMut, bail};

use crate::guest::Guest;

/// The package namespace that is stubbed; everything else that a component imports is refused.
pub(crate) const NAMESPACE: &str = "wasi:";

/// What a guest holds when a stub hands it a resource: nothing.
struct Nothing;

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
                let refuse = ["wasi:filesystem/", "wasi:sockets/", "wasi:http/"]
                    .iter()
                    .any(|prefix| interface_name.starts_with(prefix));
                linker.func_new(name, move |mut store, function, params, results| {
                    give_back(&mut store, params)?;
                    for (result, ty) in results.iter_mut().zip(function.results()) {
                        *result = answer(&mut store, &ty, params, refuse)?;
                    }
                    Ok(())
                })?;
            }
            _ => {}
        }
    }
    Ok(())
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

/// The answer of a stub: zeros for a guest that asks for a number of bytes, else the emptiest value.
fn answer(store: &mut StoreContextMut<'_, Guest>, ty: &Type, params: &[Val], refuse: bool) -> Result<Val> {
    match (ty, params) {
        (Type::List(list), [Val::U64(count)]) if list.ty() == Type::U8 => {
            Ok(Val::List((0..*count.min(&MOST_BYTES)).map(|_| Val::U8(0)).collect()))
        }
        _ => empty(store, ty, refuse),
    }
}

/// The emptiest value of a type. A result is an error where `refuse`, else a success.
fn empty(store: &mut StoreContextMut<'_, Guest>, ty: &Type, refuse: bool) -> Result<Val> {
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
                fields.push((field.name.to_owned(), empty(store, &field.ty, refuse)?));
            }
            Val::Record(fields)
        }
        Type::Tuple(tuple) => {
            let mut values = Vec::new();
            for ty in tuple.types() {
                values.push(empty(store, &ty, refuse)?);
            }
            Val::Tuple(values)
        }
        Type::Enum(cases) => match cases.names().next() {
            Some(name) => Val::Enum(name.to_owned()),
            None => bail!("an enumeration without a case has no value"),
        },
        Type::Variant(variant) => {
            let Some(case) = variant.cases().next() else { bail!("a variant without a case has no value") };
            let payload = payload(store, case.ty, refuse)?;
            Val::Variant(case.name.to_owned(), payload)
        }
        Type::Result(result) if refuse => Val::Result(Err(payload(store, result.err(), refuse)?)),
        // A stream says how much may be written to it: enough that nobody waits for room.
        Type::Result(result) if result.ok() == Some(Type::U64) => Val::Result(Ok(Some(Box::new(Val::U64(MOST_BYTES))))),
        Type::Result(result) => Val::Result(Ok(payload(store, result.ok(), refuse)?)),
        Type::Own(_) => {
            let nothing = Resource::<Nothing>::new_own(0);
            Val::Resource(ResourceAny::try_from_resource(nothing, store)?)
        }
        other => bail!("no stand-in for a value of type {other:?}"),
    })
}

fn payload(store: &mut StoreContextMut<'_, Guest>, ty: Option<Type>, refuse: bool) -> Result<Option<Box<Val>>> {
    ty.map(|ty| empty(store, &ty, refuse).map(Box::new)).transpose()
}
