"""What stands in the log, and what must not."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.operations import logs
from serving.settings import Settings, secrets_of

HOSTILE = 'x"\n{"event": "forged"}\r\u2028\x1b[31m'


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("dealcast")
    before = (list(root.handlers), root.level, ours.level)
    yield
    root.handlers[:], root.level, ours.level = before
    logging.captureWarnings(capture=False)


def written(style: logs.Style, say: Any, secrets: tuple[str, ...] = ()) -> str:
    """What this says to the log, as it comes out."""
    kept, sys.stderr = sys.stderr, io.StringIO()
    try:
        logs.configure("debug", style, secrets)
        say(logging.getLogger("dealcast"))
        return sys.stderr.getvalue()
    finally:
        sys.stderr = kept


def test_a_line_is_one_json_object_with_what_belongs_to_it() -> None:
    line = json.loads(written("json", lambda log: log.warning("seen %s", "it", extra={"route": "/v1/deals", "status": 200})))
    assert (line["event"], line["level"], line["route"], line["status"]) == ("seen it", "warning", "/v1/deals", 200)
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize("style", ["json", "text"])
def test_nobody_can_forge_a_line(style: logs.Style) -> None:
    text = written(style, lambda log: log.info("seen", extra={"request_id": HOSTILE, "method": HOSTILE}))
    assert len(text.splitlines()) == 1
    assert "\x1b" not in text


def fail(log: logging.Logger) -> None:
    try:
        raise ValueError(f"refused {HOSTILE} postgresql://app:s3cret%2Fword@db/x with a-planted-key-0123456789")
    except ValueError:
        log.exception("it failed with s3cret/word", extra={"headers": {"authorization": "Bearer a-planted-key-0123456789"}})


@pytest.mark.parametrize("style", ["json", "text"])
def test_no_secret_reaches_the_log(style: logs.Style) -> None:
    settings = Settings(api_key="a-planted-key-0123456789", store_url="postgresql://app:s3cret%2Fword@db/x")
    text = written(style, fail, tuple(secrets_of(settings)))
    assert "ValueError" in text
    assert logs.HIDDEN in text
    assert not any(secret in text for secret in ("a-planted-key", "s3cret", "word"))


def test_a_traceback_in_a_terminal_cannot_be_taken_for_another_line() -> None:
    lines = written("text", fail).splitlines()
    assert len(lines) > 3
    assert all(line.startswith("    ") for line in lines[1:])


def test_other_libraries_speak_through_it_when_something_is_wrong() -> None:
    def speak(_: logging.Logger) -> None:
        logging.getLogger("uvicorn.error").warning("odd")
        logging.getLogger("x").info("chatter")

    text = written("json", speak)
    assert [json.loads(line)["event"] for line in text.splitlines()] == ["odd"]


def test_the_secrets_of_settings_are_known(tmp_path: Path) -> None:
    store, registry = "postgresql://u:one@h/d", "https://u:t%20wo@h"
    settings = Settings(home=tmp_path, api_key="three", store_url=store, tracking_uri=registry)
    assert secrets_of(settings) == ["three", "one", "t wo"]
