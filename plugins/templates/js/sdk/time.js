// Reading times: RFC 3339, section 5.6.

// The time of a record that has none.
export const NO_TIME = -(2n ** 63n);
// The time of a record that has one which cannot be read. The gateway counts those.
export const UNREAD_TIME = NO_TIME + 1n;

// 1990-01-01 and 2100-01-01.
const FIRST_SECOND = 631152000;
const END_SECOND = 4102444800;

// What the last of so many digits of a fraction counts, in nanoseconds. (`padEnd` would take as long as all the rest.)
const UNITS = [1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 1e2, 1e1, 1];

// The last date, as it was written, and its first second: logs seldom change theirs.
let lastDay = "";
let lastMidnight = NaN;

// Reads `2026-11-20T05:00:00.250Z` as Unix nanoseconds. UNREAD_TIME if it is no time, or lies before 1990 or from 2100 on,
// since then it is a default and no time of a visit. As the SDK for Rust, it takes leap seconds, a space for the T, no
// seconds, a comma before the fraction, and offsets such as `+0100`, `+01`, ` +01:00` and ` UTC`; unlike that, it takes no
// name of the zone behind the offset.
//
// By hand, since a regular expression takes ten times as long in this engine. What is no digit becomes NaN, which no
// comparison lets through.
export function rfc3339(written) {
  const text = written.trim();
  const day = text.slice(0, 10);
  if (day !== lastDay) {
    lastMidnight = midnight(day);
    lastDay = day;
  }
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const isClock = hour <= 23 && minute <= 59 && text[13] === ":";
  if (!isClock || (text[10] !== "T" && text[10] !== "t" && text[10] !== " ")) return UNREAD_TIME;

  let end = 16;
  let second = 0;
  let nanoseconds = 0;
  if (text[16] === ":") {
    second = twoDigits(text, 17);
    if (!(second <= 60)) return UNREAD_TIME;
    end = 19;
  }
  if (end === 19 && (text[19] === "." || text[19] === ",")) {
    for (end = 20; isDigit(text.charCodeAt(end)); end++);
    if (end === 20) return UNREAD_TIME;
    const digits = end < 29 ? end - 20 : 9;
    nanoseconds = Number(text.slice(20, 20 + digits)) * UNITS[digits];
  }
  const seconds = lastMidnight + hour * 3600 + minute * 60 + second - offset(text.slice(end));
  // Leap seconds are inserted before midnight UTC and nowhere else; they count as the second that follows.
  if (Number.isNaN(seconds) || (second === 60 && seconds % 86400 !== 0)) return UNREAD_TIME;
  if (seconds < FIRST_SECOND || seconds >= END_SECOND) return UNREAD_TIME;
  return BigInt(seconds) * 1000000000n + BigInt(nanoseconds);
}

const isDigit = (code) => code >= 48 && code <= 57;

function twoDigits(text, at) {
  const tens = text.charCodeAt(at);
  const ones = text.charCodeAt(at + 1);
  return isDigit(tens) && isDigit(ones) ? tens * 10 + ones - 528 : NaN;
}

function midnight(day) {
  const parts = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/.exec(day);
  if (parts === null) return NaN;
  const [year, month, ofMonth] = parts.slice(1).map(Number);
  const date = new Date(Date.UTC(year, month - 1, ofMonth));
  // The 30th of February would become a day of March.
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === ofMonth ? date.getTime() / 1000 : NaN;
}

// `Z`, `UTC`, `+hh:mm`, `+hhmm` or `+hh`, perhaps behind a space, in seconds.
function offset(text) {
  if (text === "Z") return 0;
  const parts = /^\s*(?:Z|UTC?|GMT|([+-])([0-9]{2})(?::?([0-9]{2}))?)$/i.exec(text);
  if (parts === null) return NaN;
  const [, sign, hours, minutes = "00"] = parts;
  if (sign === undefined) return 0;
  if (hours > "23" || minutes > "59") return NaN;
  return (Number(hours) * 3600 + Number(minutes) * 60) * (sign === "-" ? -1 : 1);
}

export function formatTime(time) {
  const seconds = new Date(Number(time / 1000000000n) * 1000).toISOString().slice(0, 19);
  const nanoseconds = time % 1000000000n;
  return nanoseconds === 0n ? `${seconds}Z` : `${seconds}.${String(nanoseconds).padStart(9, "0")}Z`;
}
