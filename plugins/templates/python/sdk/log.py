"""The gateway's log, which is bounded: for what happens seldom. `print` writes there, too."""

from wit_world.imports import log as gateway


def debug(message: str) -> None:
    """Tells what helps to find a mistake in the plugin."""
    gateway.emit(gateway.Level.DEBUG, message)


def info(message: str) -> None:
    """Tells what an operator may want to know."""
    gateway.emit(gateway.Level.INFO, message)


def warn(message: str) -> None:
    """Tells what an operator should look at."""
    gateway.emit(gateway.Level.WARN, message)


def error(message: str) -> None:
    """Tells what keeps the plugin from doing its work."""
    gateway.emit(gateway.Level.ERROR, message)
