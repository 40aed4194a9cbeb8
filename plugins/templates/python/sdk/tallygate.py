"""What a Tallygate plugin in Python is made of. `plugin.py` has

    PLUGIN                      a `Plugin`: who it is
    extract(record, received)   gives a `Visit`, or raises a `Reject`
    configure(settings)         if the plugin has settings: a dict of texts. It raises a `ValueError` that names the
                                setting and what it expects. Names that `PLUGIN.settings` does not have are refused before.

Times are in Unix nanoseconds.
"""

from dataclasses import dataclass, field
from typing import NamedTuple, Optional

from address import Address, read_address
from time_of import NO_TIME, UNREAD_TIME, rfc3339

__all__ = [
    "NO_TIME",
    "UNREAD_TIME",
    "Address",
    "FieldMissing",
    "Malformed",
    "NotAnAddress",
    "Other",
    "OwnReject",
    "Plugin",
    "Policy",
    "Reject",
    "Setting",
    "TooLong",
    "Visit",
    "nobody",
    "read_address",
    "rfc3339",
]


class Visit(NamedTuple):
    """What was read out of a record."""

    # None for a valid record that names no client: whether such records are wanted is the route's to say.
    address: Optional[Address]
    # NO_TIME if the record has none, UNREAD_TIME if it has one which cannot be read. The gateway counts the latter.
    time: int = NO_TIME
    words: str = ""


def nobody(time: int, words: str) -> Visit:
    """What was read out of a valid record that names no client; words say why, for people."""
    return Visit(None, time, words)


class Reject(Exception):
    """Why a record is rejected, for people."""

    code = 31

    def __init__(self, words: str):
        super().__init__(words)


class Malformed(Reject):
    """The record is not of the plugin's format."""

    code = 16


class FieldMissing(Reject):
    """Well formed, but a field that the format must have is not there."""

    code = 17


class NotAnAddress(Reject):
    """The field of the client's address holds something else."""

    code = 18


class Policy(Reject):
    """The plugin's settings exclude the record."""

    code = 19


class TooLong(Reject):
    """The record is longer than the plugin is willing to read."""

    code = 20


class Other(Reject):
    """None of these reasons."""


class OwnReject(Reject):
    """A reason of the plugin's own: a code from 128 to 255, which `PLUGIN.rejects` must name."""

    def __init__(self, code: int, words: str):
        super().__init__(words)
        if not 128 <= code <= 255:
            raise ValueError("a plugin's own codes are from 128 to 255")
        self.code = code


@dataclass
class Setting:
    """Something that the plugin can be told."""

    name: str
    # One sentence: what it does, and what it expects.
    meaning: str
    # What holds where it is not given, written as it would be given; empty if there is nothing to write.
    default: str = ""


@dataclass
class Plugin:
    """Who the plugin is."""

    name: str
    version: str
    # One sentence for people.
    about: str
    settings: list[Setting] = field(default_factory=list)
    # The plugin's own codes, and their names: lower-case words joined by hyphens.
    rejects: dict[int, str] = field(default_factory=dict)
