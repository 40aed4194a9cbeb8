"""Reading addresses, by the gateway's rules (gateway/docs/addresses.md in Tallygate)."""

import re
from typing import NamedTuple, Optional, Union


class Address(NamedTuple):
    """An address as the number that it is."""

    version: int
    number: int

    def __str__(self) -> str:
        if self.version == 4:
            return ".".join(str(self.number >> bits & 255) for bits in (24, 16, 8, 0))
        return ":".join(format(self.number >> bits & 0xFFFF, "x") for bits in range(112, -1, -16))


_BYTE = rb"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_QUAD = re.compile(rb"\.".join([_BYTE] * 4))
_PORT = re.compile(rb"[0-9]{1,5}")
_GROUP = re.compile(rb"[0-9a-fA-F]{1,4}")
_ZONE = re.compile(rb"[!-~]+")


def read_address(text: Union[bytes, str]) -> Optional[Address]:
    """Reads an address as people and programs write it: with a port, in brackets, with a zone. IPv4 in the disguise of IPv6
    is IPv4. Numbers with leading zeros are not read, since programs differ about them. None if it is no address."""
    if isinstance(text, str):
        text = text.encode()
    text = text.strip()
    # What nearly all are.
    quad = _QUAD.fullmatch(text)
    if quad:
        return _v4(quad)

    # Databases write a single host as a network of one address.
    if b":" not in text:
        return _read_v4(text.removesuffix(b"/32"))
    if not text.endswith(b"]/128"):
        text = text.removesuffix(b"/128")
    if text.startswith(b"["):
        inside, closed, port = text[1:].partition(b"]")
        if not closed or (port and not (port.startswith(b":") and _is_port(port[1:]))):
            return None
        return _read_v6(inside)
    before, _, after = text.partition(b":")
    if b"." in before:
        return _read_v4(before) if _is_port(after) else None
    return _read_v6(text) or _read_eight_groups_and_port(text)


def _is_port(text: bytes) -> bool:
    # Proxies write port 0 where they know none.
    return _PORT.fullmatch(text) is not None and int(text) <= 65535


def _v4(quad: re.Match) -> Address:
    a, b, c, d = quad.groups()
    return Address(4, int(a) << 24 | int(b) << 16 | int(c) << 8 | int(d))


def _read_v4(text: bytes) -> Optional[Address]:
    quad = _QUAD.fullmatch(text)
    return _v4(quad) if quad else None


def _groups(text: bytes, is_last: bool) -> Optional[list[int]]:
    """Groups that colons part; the last may be a dotted quad, which counts as two."""
    if not text:
        return []
    groups = []
    parts = text.split(b":")
    for at, part in enumerate(parts):
        quad = _read_v4(part) if is_last and at == len(parts) - 1 else None
        if quad:
            groups += [quad.number >> 16, quad.number & 0xFFFF]
        elif _GROUP.fullmatch(part):
            groups.append(int(part, 16))
        else:
            return None
    return groups


def _read_v6(text: bytes) -> Optional[Address]:
    # The zone belongs to the machine that wrote the log.
    text, has_zone, zone = text.partition(b"%")
    if has_zone and not _ZONE.fullmatch(zone):
        return None
    before, has_gap, after = text.partition(b"::")
    head = _groups(before, not has_gap)
    tail = _groups(after, True)
    if head is None or tail is None:
        return None
    missing = 8 - len(head) - len(tail)
    # A gap stands for one group at least.
    if missing < 1 if has_gap else missing != 0:
        return None
    number = 0
    for group in head + [0] * missing + tail:
        number = number << 16 | group
    # `::ffff:a.b.c.d` is an IPv4 client of a socket that serves both.
    return Address(4, number & 0xFFFFFFFF) if number >> 32 == 0xFFFF else Address(6, number)


def _read_eight_groups_and_port(text: bytes) -> Optional[Address]:
    """With all eight groups there, what follows can be nothing but a port."""
    address, _, port = text.rpartition(b":")
    if text.count(b":") != 8 or b"::" in text or b"%" in text or not _is_port(port):
        return None
    return _read_v6(address)
