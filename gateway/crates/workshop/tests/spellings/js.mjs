// Reads what stands behind `address ` or `time ` in each line of standard input, with the plugins' SDK, and says what it is.

import { readFileSync } from "node:fs";
import { readAddress } from "./sdk/address.js";
import { rfc3339 } from "./sdk/time.js";

const hexadecimal = (number, digits) => number.toString(16).padStart(digits, "0");

for (const line of readFileSync(0, "utf8").split("\n").slice(0, -1)) {
  const at = line.indexOf(" ");
  const text = line.slice(at + 1);
  if (line.startsWith("time ")) {
    console.log(String(rfc3339(text)));
    continue;
  }
  const address = readAddress(text);
  if (address === null) console.log("none");
  else if (address.status === 0) console.log(`4 ${hexadecimal(address.v4, 32)}`);
  else console.log(`6 ${hexadecimal(address.high, 16)}${hexadecimal(address.low, 16)}`);
}
