// Runs one call of a plugin as the gateway would: `node sandbox.mjs MODULE ADAPTER < RECORDS`, where MODULE is what a toolchain
// left and RECORDS are lines. Prints what the gateway sees: the status of each record or how the call failed, and the messages
// of the log, each with its level. As in the gateway, a message that is no UTF-8 is a failure.

import { readFileSync } from "node:fs";

const extractor = "tallygate:plugin/extractor@1.0.0";
const levels = ["debug", "info", "warn", "error"];
const decoder = new TextDecoder("utf-8", { fatal: true });
const messages = [];
let memory;

function emit(level, start, length) {
  messages.push([levels[level], decoder.decode(new Uint8Array(memory.buffer, start, length))]);
}

const load = (path) => new WebAssembly.Module(readFileSync(path));
const log = { "tallygate:plugin/log@1.0.0": { emit } };
const module = load(process.argv[2]);
const wanted = WebAssembly.Module.imports(module).filter(({ module }) => module === "wasi_snapshot_preview1");
// Each needs the other; the adapter is there by the time that it is called.
let adapter;
const wasi = Object.fromEntries(wanted.map(({ name }) => [name, (...given) => adapter.exports[name](...given)]));
const plugin = new WebAssembly.Instance(module, { ...log, wasi_snapshot_preview1: wasi });
memory = plugin.exports.memory;
adapter = new WebAssembly.Instance(load(process.argv[3]), { ...log, env: { memory } });

function given(bytes, align) {
  const start = plugin.exports.cabi_realloc(0, 0, align, bytes.length);
  new Uint8Array(memory.buffer, start, bytes.length).set(bytes);
  return start;
}

function extract(records) {
  const bounds = new Uint32Array(records.length * 2);
  let end = 0;
  for (const [at, record] of records.entries()) bounds.set([end, (end += record.length)], 2 * at);
  const data = given(Buffer.concat(records), 1);
  const start = given(new Uint8Array(bounds.buffer), 4);
  const outcome = plugin.exports[`${extractor}#extract`](data, end, start, bounds.length, 0n);
  const [status, length] = new Uint32Array(memory.buffer, outcome, 2);
  return Array.from(new Uint8Array(memory.buffer, status, length));
}

// Bytes as they are, one character each.
const lines = readFileSync(0, "latin1").split("\n").slice(0, -1);
let answer;
try {
  plugin.exports._initialize?.();
  answer = { status: extract(lines.map((line) => Buffer.from(line, "latin1"))) };
} catch (error) {
  answer = { failure: String(error) };
}
console.log(JSON.stringify({ ...answer, messages }));
