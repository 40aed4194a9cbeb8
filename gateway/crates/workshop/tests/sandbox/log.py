"""Logs with the plugins' SDK, which stands in the working directory, and prints what the gateway would get."""

import json
import sys
import types

sys.path.insert(0, "sdk")
messages = []


def emit(level, message):
    # The sandbox's own does so, and traps where it fails.
    message.encode()
    messages.append([level, message])


# What componentize-py makes of the interface.
level = types.SimpleNamespace(DEBUG="debug", INFO="info", WARN="warn", ERROR="error")
imports = types.ModuleType("wit_world.imports")
imports.log = types.SimpleNamespace(emit=emit, Level=level)
sys.modules["wit_world"] = types.ModuleType("wit_world")
sys.modules["wit_world.imports"] = imports

import log

log.warn("a\udcffb")
log.error("é" * 100_000)
print(json.dumps(messages))
