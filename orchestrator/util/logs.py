"""The farm's log, on standard error. The only module that imports structlog.

It imports structlog with the first message: most runs log nothing, and need not wait for the import.
"""

from __future__ import annotations

import sys
import traceback
from functools import cache
from typing import Any

from orchestrator.errors import FaultError, WheelproofError

_FORMS = ["console"]
_QUIET = [False]


def use(form: str) -> None:
    """Log in that form from now on: "console", the default, or "json"."""
    _FORMS[:] = [form]


def be_quiet(*, quiet: bool) -> None:
    """Log nothing below a warning from now on, or log it again."""
    _QUIET[:] = [quiet]


def is_quiet() -> bool:
    """Return whether nothing below a warning is logged."""
    return _QUIET[0]


def info(event: str, **values: object) -> None:
    """Log what is being done."""
    if not is_quiet():
        _logger().info(event, **values)


def warning(event: str, **values: object) -> None:
    """Log an error that was repaired or has little effect."""
    _logger().warning(event, **values)


def error(event: str, **values: object) -> None:
    """Log an error that was not repaired."""
    _logger().error(event, **values)


def fault(event: str, error: BaseException, **values: object) -> None:
    """Log an error: with its traceback, unless it is one of ours, which has a message for users."""
    cause = error.__cause__ if isinstance(error, FaultError) and error.__cause__ else error
    foreseen = isinstance(cause, WheelproofError)
    shown = {} if foreseen else {"exception": "".join(traceback.format_exception(cause)).rstrip("\n")}
    _logger().error(event, **values, fault=str(error), **shown)


def printable(text: str) -> str:
    """Replace terminal commands and changes of the writing direction by their code points."""
    return "".join(
        character if character.isprintable() or character == "\n" else f"\\x{ord(character):02x}" for character in text
    )


def _logger() -> Any:  # noqa: ANN401 - a logger of structlog
    import structlog  # noqa: PLC0415 - see above

    return structlog.wrap_logger(structlog.PrintLogger(sys.stderr), processors=_processors(_FORMS[0]))


@cache
def _processors(form: str) -> list[Any]:
    import structlog  # noqa: PLC0415

    written = [structlog.processors.JSONRenderer()] if form == "json" else [_escaped, _console()]
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *written,
    ]


def _console() -> Any:  # noqa: ANN401 - a renderer of structlog
    import structlog  # noqa: PLC0415

    colours = sys.stderr is not None and sys.stderr.isatty()
    return structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)


def _escaped(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Escape terminal commands: much of what is logged comes from packages."""
    safe = {key: printable(value) if isinstance(value, str) else value for key, value in event.items()}
    return {**safe, "event": str(safe["event"]).replace("\n", "\\x0a")}  # values with line ends are quoted anyway
