"""What the processes say of themselves: one JSON object a line on stderr, or readable lines where stderr is a terminal.

    {"event": "request", "method": "GET", "route": "/v1/deals", "status": 200, "ms": 3.1, "request_id": "…", "level": "info", …}

Everything goes through Python's own logging, uvicorn's loggers and warnings included, and is rendered by structlog. A line is
never more than a line: control characters are escaped, whoever sent them. The secrets that the settings hold are cut out of every
line, tracebacks included, should one ever get that far.
"""

import json
import logging
import logging.config
import os
import re
import sys
import urllib.parse
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from typing import Final, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

Style = Literal["auto", "json", "text"]

REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")
"""Of the request that is being answered; empty outside of one."""
HIDDEN: Final = "[hidden]"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def configure(level: str = "info", style: Style = "auto", secrets: Iterable[str] = ()) -> None:
    """Send all logging of this process to stderr. Called once, where a process begins."""
    as_text = style == "text" or (style == "auto" and sys.stderr.isatty())
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"()": formatter, "as_text": as_text, "secrets": spellings(secrets)}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["stderr"], "level": "WARNING"},
            "loggers": {"dealcast": {"level": level.upper()}},
        }
    )
    logging.captureWarnings(capture=True)


def formatter(*, as_text: bool, secrets: Sequence[str]) -> logging.Formatter:
    """What makes a line of a record."""
    before: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _with_ids,
    ]
    render = as_text_line if as_text else structlog.processors.JSONRenderer(ensure_ascii=False, default=str)

    def rendered(logger: WrappedLogger, name: str, event: EventDict) -> str:
        line = str(render(logger, name, event))
        # JSON escapes most control characters by itself; the others, such as U+2028, some readers take for the end of a line.
        return hide(line if as_text else _escaped(line), secrets)

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, rendered]
    )


def as_text_line(_logger: WrappedLogger, _name: str, event: EventDict) -> str:
    """`12:00:01 info request method=GET route=/v1/deals …`, and a traceback indented below."""
    shown = dict(event)
    head = [str(shown.pop("timestamp", ""))[11:19], str(shown.pop("level", "")), str(shown.pop("event", ""))]
    trace, _ = str(shown.pop("exception", "")), shown.pop("logger", None)
    pairs = [f"{name}={_escaped(str(value))}" for name, value in shown.items() if value != ""]
    below = ["    " + _escaped(line) for line in trace.splitlines()]
    return "\n".join([" ".join([*map(_escaped, head), *pairs]), *below])


def spellings(secrets: Iterable[str]) -> list[str]:
    """Each secret as it may stand in a line: as it is, inside JSON, inside a URL; the longest first."""
    given = [secret for secret in secrets if secret]
    spelt = {text for secret in given for text in (secret, json.dumps(secret)[1:-1], urllib.parse.quote(secret, safe=""))}
    return sorted(spelt, key=len, reverse=True)


def hide(line: str, secrets: Iterable[str]) -> str:
    """The line without any of these."""
    for secret in secrets:
        line = line.replace(secret, HIDDEN)
    return line


def _with_ids(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event["pid"] = os.getpid()
    if REQUEST_ID.get():
        event["request_id"] = REQUEST_ID.get()
    event.pop("color_message", None)  # uvicorn's own twin of the text
    return event


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
