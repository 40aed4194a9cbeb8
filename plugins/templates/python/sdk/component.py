"""The way into and out of the sandbox: how the gateway's calls become calls of `plugin.py`.

What is raised besides `Reject` ends the call for good; the interpreter prints its trace, which goes to the gateway's log.
"""

from componentize_py_types import Err
from wit_world.imports import types

import plugin
from log import sendable
from tallygate import NO_TIME, UNREAD_TIME, Reject
from time_of import format_time

_IS_V4, _IS_V6, _NAMES_NO_CLIENT = 0, 1, 2


class Extractor:
    """What `wit/plugin.wit` calls `extractor`."""

    def describe(self) -> types.Info:
        about = plugin.PLUGIN
        settings = [types.Setting(setting.name, setting.meaning, setting.default) for setting in about.settings]
        return types.Info(about.name, about.version, about.about, list(about.rejects.items()), settings)

    def configure(self, settings: list[tuple[str, str]]) -> None:
        known = {setting.name for setting in plugin.PLUGIN.settings}
        for name, _ in settings:
            if name not in known:
                raise Err(f"there is no setting `{name}`")
        configure = getattr(plugin, "configure", None)
        if configure is not None:
            try:
                configure(dict(settings))
            except ValueError as error:
                raise Err(sendable(str(error)))

    def extract(self, data: bytes, bounds: list[int], received: int) -> types.Outcome:
        status = bytearray()
        v4: list[int] = []
        v6: list[int] = []
        times: list[int] = []
        has_time = False
        for at in range(0, len(bounds), 2):
            try:
                address, time, _ = plugin.extract(data[bounds[at] : bounds[at + 1]], received)
            except Reject as reject:
                status.append(reject.code)
                continue
            if address is None:
                status.append(_NAMES_NO_CLIENT)
            elif address.version == 4:
                status.append(_IS_V4)
                v4.append(address.number)
            else:
                status.append(_IS_V6)
                v6 += (address.number >> 64, address.number & 0xFFFF_FFFF_FFFF_FFFF)
            times.append(time)
            has_time = has_time or time != NO_TIME
        return types.Outcome(bytes(status), v4, v6, times if has_time else [])

    def explain(self, record: bytes, received: int) -> str:
        try:
            address, time, words = plugin.extract(record, received)
        except Reject as reject:
            raise Err(sendable(str(reject)))
        if address is None:
            return sendable(words)
        if time == NO_TIME:
            return f"client {address}, no time"
        if time == UNREAD_TIME:
            return f"client {address}, a time that cannot be read"
        return f"client {address}, {format_time(time)}"
