// Reading addresses, by the gateway's rules (gateway/docs/addresses.md in Tallygate).

// Reads an address as people and programs write it: with a port, in brackets, with a zone. IPv4 in the disguise of IPv6 is
// IPv4. Numbers with leading zeros are not read, since programs differ about them. `null` if it is none.
export function readAddress(written) {
  let text = written.trim();
  // What nearly all are.
  const plain = v4(text);
  if (plain !== null) return plain;
  const isV6 = text.includes(":");
  // Databases write a single host as a network of one address.
  if (!isV6 && text.endsWith("/32")) text = text.slice(0, -3);
  if (isV6 && text.endsWith("/128") && !text.endsWith("]/128")) text = text.slice(0, -4);

  const quad = /^([^:]*\.[^:]*?)(?::(.*))?$/s.exec(text);
  if (quad !== null) return quad[2] === undefined || isPort(quad[2]) ? v4(quad[1]) : null;
  const brackets = /^\[([^\]]*)\](?::(.*))?$/s.exec(text);
  if (brackets !== null) return brackets[2] === undefined || isPort(brackets[2]) ? v6(brackets[1]) : null;
  return v6(text) ?? eightGroupsAndPort(text);
}

// Proxies write port 0 where they know none.
const isPort = (text) => /^[0-9]{1,5}$/.test(text) && Number(text) <= 65535;

const QUAD = /^(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})$/;

function quadNumber(text) {
  const parts = QUAD.exec(text);
  if (parts === null) return null;
  const a = Number(parts[1]);
  const b = Number(parts[2]);
  const c = Number(parts[3]);
  const d = Number(parts[4]);
  return a <= 255 && b <= 255 && c <= 255 && d <= 255 ? ((a * 256 + b) * 256 + c) * 256 + d : null;
}

function v4(text) {
  const number = quadNumber(text);
  return number === null ? null : { status: 0, v4: number };
}

// Groups that colons part; the last may be a dotted quad, which counts as two.
function readGroups(text, isLast) {
  if (text === "") return [];
  const parts = text.split(":");
  const groups = [];
  for (const [at, part] of parts.entries()) {
    const quad = isLast && at === parts.length - 1 ? quadNumber(part) : null;
    if (quad !== null) {
      groups.push(Math.floor(quad / 65536), quad % 65536);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(parseInt(part, 16));
    } else {
      return null;
    }
  }
  return groups;
}

function v6(written) {
  // The zone belongs to the machine that wrote the log.
  const [, text, zone] = /^([^%]*)(%.*)?$/s.exec(written);
  if (zone !== undefined && !/^%[!-~]+$/.test(zone)) return null;
  const gap = text.indexOf("::");
  const head = readGroups(gap < 0 ? text : text.slice(0, gap), gap < 0);
  const tail = gap < 0 ? [] : readGroups(text.slice(gap + 2), true);
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  // A gap stands for one group at least.
  if (gap < 0 ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...Array(missing).fill(0), ...tail];
  // `::ffff:a.b.c.d` is an IPv4 client of a socket that serves both.
  if (groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0)) {
    return { status: 0, v4: groups[6] * 65536 + groups[7] };
  }
  const half = (from) => groups.slice(from, from + 4).reduce((sum, group) => (sum << 16n) | BigInt(group), 0n);
  return { status: 1, high: half(0), low: half(4) };
}

// With all eight groups there, what follows can be nothing but a port.
function eightGroupsAndPort(text) {
  const parts = text.split(":");
  if (parts.length !== 9 || parts.includes("") || text.includes("%") || !isPort(parts[8])) return null;
  return v6(parts.slice(0, 8).join(":"));
}

export function formatAddress(address) {
  if (address.status === 0) return [24, 16, 8, 0].map((bits) => (address.v4 >>> bits) & 255).join(".");
  const group = (at) => ((at < 4 ? address.high : address.low) >> BigInt(48 - 16 * (at % 4))) & 0xffffn;
  return Array.from({ length: 8 }, (_, at) => group(at).toString(16)).join(":");
}
