"""The gateway's log, which is bounded: for what happens seldom. `print` writes there, too."""

from wit_world.imports import log as gateway

# As much of a text as the gateway has use for, in characters. What is far longer would end the call.
_LONGEST = 1024


def sendable(text: str) -> str:
    """A text as the gateway takes it: not too long, and without the halves of characters that `surrogateescape` makes of bytes
    which are no UTF-8, for those would end the call. They become `?`."""
    return str(text)[:_LONGEST].encode("utf-8", "replace").decode()


def debug(message: str) -> None:
    """Tells what helps to find a mistake in the plugin."""
    gateway.emit(gateway.Level.DEBUG, sendable(message))


def info(message: str) -> None:
    """Tells what an operator may want to know."""
    gateway.emit(gateway.Level.INFO, sendable(message))


def warn(message: str) -> None:
    """Tells what an operator should look at."""
    gateway.emit(gateway.Level.WARN, sendable(message))


def error(message: str) -> None:
    """Tells what keeps the plugin from doing its work."""
    gateway.emit(gateway.Level.ERROR, sendable(message))
