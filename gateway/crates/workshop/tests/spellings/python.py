"""Reads what stands behind `address ` or `time ` in each line of standard input, with the plugins' SDK, and says what it is."""

import sys

sys.path.insert(0, "sdk")

from address import read_address
from time_of import rfc3339

for line in sys.stdin.buffer:
    kind, _, text = line.rstrip(b"\n").partition(b" ")
    if kind == b"time":
        print(rfc3339(text))
        continue
    address = read_address(text)
    print(f"{address.version} {address.number:032x}" if address else "none")
