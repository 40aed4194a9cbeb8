"""Reading times: RFC 3339, section 5.6."""

import re
from datetime import date
from typing import Union

# The time of a record that has none.
NO_TIME = -(2**63)
# The time of a record that has one which cannot be read. The gateway counts those.
UNREAD_TIME = NO_TIME + 1

_WRITTEN = re.compile(
    rb"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?"
    rb"(?:Z|\s*(?:(?i:Z|UTC?|GMT)|([+-])([0-9]{2})(?::?([0-9]{2}))?))"
)
_EPOCH = date(1970, 1, 1).toordinal()

# 1990-01-01 and 2100-01-01.
_FIRST_SECOND = 631_152_000
_END_SECOND = 4_102_444_800

# The last date, as it was written, and its first second: logs seldom change theirs.
_last = (b"1970-01-01", 0)


def rfc3339(text: Union[bytes, str]) -> int:
    """Reads `2026-11-20T05:00:00.250Z` as Unix nanoseconds. UNREAD_TIME if it is no time, or lies before 1990 or from 2100 on,
    since then it is a default and no time of a visit.

    As the SDK for Rust, it takes leap seconds, a space for the T, no seconds, a comma before the fraction, and offsets such as
    `+0100`, `+01`, ` +01:00` and ` UTC`. Unlike that, it takes no name of the zone behind the offset."""
    if isinstance(text, str):
        text = text.encode()
    parts = _WRITTEN.fullmatch(text.strip())
    if not parts:
        return UNREAD_TIME
    day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = parts.groups()
    hour, minute, second = int(hour), int(minute), int(second or 0)
    midnight = _midnight(day)
    if midnight is None or hour > 23 or minute > 59 or second > 60:
        return UNREAD_TIME
    seconds = midnight + hour * 3600 + minute * 60 + second
    if sign:
        offset_minutes = offset_minutes or 0
        if int(offset_hours) > 23 or int(offset_minutes) > 59:
            return UNREAD_TIME
        offset = int(offset_hours) * 3600 + int(offset_minutes) * 60
        seconds += offset if sign == b"-" else -offset
    # Leap seconds are inserted before midnight UTC and nowhere else; they count as the second that follows.
    if second == 60 and seconds % 86400:
        return UNREAD_TIME
    if not _FIRST_SECOND <= seconds < _END_SECOND:
        return UNREAD_TIME
    return seconds * 1_000_000_000 + (int(fraction[:9].ljust(9, b"0")) if fraction else 0)


def _midnight(day: bytes) -> Union[int, None]:
    global _last
    if day != _last[0]:
        try:
            _last = (day, (date(int(day[:4]), int(day[5:7]), int(day[8:])).toordinal() - _EPOCH) * 86400)
        except ValueError:
            return None
    return _last[1]


def format_time(time: int) -> str:
    """As RFC 3339."""
    seconds, nanoseconds = divmod(time, 1_000_000_000)
    days, seconds = divmod(seconds, 86400)
    fraction = f".{nanoseconds:09}" if nanoseconds else ""
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{date.fromordinal(days + _EPOCH)}T{clock}{fraction}Z"
