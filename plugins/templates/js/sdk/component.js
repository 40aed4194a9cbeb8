// The way into and out of the sandbox: how the gateway's calls become calls of `plugin.js`.

import * as author from "../plugin.js";
import { formatAddress } from "./address.js";
import { log } from "./tallygate.js";
import { NO_TIME, UNREAD_TIME, formatTime } from "./time.js";

// Whatever is thrown ends the call for good. The engine would not say what it was, so this does.
function telling(call) {
  return (...given) => {
    try {
      return call(...given);
    } catch (error) {
      log.error(error instanceof Error ? `${error}, in ${places(error.stack)}` : `thrown: ${error}`);
      throw error;
    }
  };
}

// The author's functions of a trace, innermost first: `extract@plugin.js:17:39`.
function places(stack) {
  const lines = stack.split("\n").filter((line) => line !== "" && !/sdk\/component\.js|initializer\.js/.test(line));
  return lines.slice(0, 6).join(", in ");
}

// The columns of one call: see `outcome` in wit/plugin.wit.
function columns(data, bounds, received) {
  const records = bounds.length / 2;
  const status = new Uint8Array(records);
  const v4 = new Uint32Array(records);
  const times = new BigInt64Array(records);
  const v6 = [];
  let accepted = 0;
  let quads = 0;
  let hasTime = false;
  for (let at = 0; at < records; at++) {
    const answer = author.extract(data.subarray(bounds[2 * at], bounds[2 * at + 1]), received);
    status[at] = answer.status;
    if (answer.status > 2) continue;
    if (answer.status === 0) v4[quads++] = answer.address.v4;
    if (answer.status === 1) v6.push(answer.address.high, answer.address.low);
    times[accepted++] = answer.time;
    hasTime ||= answer.time !== NO_TIME;
  }
  return {
    status,
    v4: v4.subarray(0, quads),
    v6: BigUint64Array.from(v6),
    times: times.subarray(0, hasTime ? accepted : 0),
  };
}

function explanation(answer) {
  if (answer.status > 1) return answer.words;
  const client = `client ${formatAddress(answer.address)}`;
  if (answer.time === NO_TIME) return `${client}, no time`;
  if (answer.time === UNREAD_TIME) return `${client}, a time that cannot be read`;
  return `${client}, ${formatTime(answer.time)}`;
}

function settingsProblem(given) {
  const known = (author.plugin.settings ?? []).map((setting) => setting.name);
  const settings = Object.create(null);
  for (const [name, value] of given) {
    if (!known.includes(name)) return `there is no setting \`${name}\``;
    settings[name] = value;
  }
  try {
    author.configure?.(settings);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return null;
}

export const extractor = {
  describe: telling(() => ({
    name: author.plugin.name,
    version: author.plugin.version,
    about: author.plugin.about,
    rejects: Object.entries(author.plugin.rejects ?? {}).map(([code, name]) => [Number(code), name]),
    settings: (author.plugin.settings ?? []).map((setting) => ({ default: "", ...setting })),
  })),

  configure(given) {
    const problem = settingsProblem(given);
    // What is thrown here is the error that the interface has for it.
    if (problem !== null) throw problem;
  },

  extract: telling(columns),

  explain(record, received) {
    const answer = telling(author.extract)(record, received);
    if (answer.status > 2) throw answer.words;
    return explanation(answer);
  },
};
