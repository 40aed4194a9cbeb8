// What a Tallygate plugin in JavaScript is made of. `plugin.js` exports
//
//     plugin                      { name, version, about, settings?, rejects? }
//     extract(record, received)   an answer: visit(…), nobody(…), malformed(…) and its like
//     configure(settings)         if the plugin has settings: an object of texts. It throws an Error that names the
//                                 setting and what it expects. Names that `plugin.settings` does not have are refused
//                                 before.
//
// `plugin.settings` is a list of { name, meaning, default }, `plugin.rejects` an object of the plugin's own codes, from 128
// to 255, and their names: lower-case words joined by hyphens.
//
// Times are BigInts, in Unix nanoseconds: they are too large for a number.

import { emit } from "tallygate:plugin/log@1.0.0";

export { readAddress } from "./address.js";
export { NO_TIME, UNREAD_TIME, rfc3339 } from "./time.js";

// A client came: `address` is what `readAddress` gave, `time` a BigInt, or NO_TIME, or UNREAD_TIME.
export const visit = (address, time) => ({ status: address.status, address, time, words: "" });
// A valid record that names no client. Whether such records are wanted is the route's to say.
export const nobody = (time, words) => ({ status: 2, address: null, time, words });

const reject = (status, words) => ({ status, address: null, time: null, words });
// The record is not of the plugin's format.
export const malformed = (words) => reject(16, words);
// Well formed, but a field that the format must have is not there.
export const fieldMissing = (words) => reject(17, words);
// The field of the client's address holds something else.
export const notAnAddress = (words) => reject(18, words);
// The plugin's settings exclude the record.
export const policy = (words) => reject(19, words);
// The record is longer than the plugin is willing to read.
export const tooLong = (words) => reject(20, words);
// None of these.
export const other = (words) => reject(31, words);
// A reason of the plugin's own, which `plugin.rejects` must name.
export function ownReject(code, words) {
  if (!(code >= 128 && code <= 255)) throw new RangeError("a plugin's own codes are from 128 to 255");
  return reject(code, words);
}

const decoder = new TextDecoder();
// A record as text; what is no UTF-8 becomes U+FFFD.
export const text = (bytes) => decoder.decode(bytes);

// The first words of a line, `most` at most: what white space parts.
export function words(line, most) {
  const trimmed = line.trim();
  // A regular expression takes ten times as long in this engine.
  const isPlain = !trimmed.includes("  ") && !trimmed.includes("\t");
  return trimmed === "" ? [] : trimmed.split(isPlain ? " " : /\s+/, most);
}

// As much of a text as the gateway has use for. What is far longer would end the call.
const LONGEST = 1024;
const send = (level, message) => emit(level, String(message).slice(0, LONGEST));

// The gateway's log, which is bounded: for what happens seldom.
export const log = {
  debug: (message) => send("debug", message),
  info: (message) => send("info", message),
  warn: (message) => send("warn", message),
  error: (message) => send("error", message),
};
