"""A record is one line of JSON, whatever is in it."""

import json
import logging
import sys

from crescendai.api.observing import JsonLines


def record(message: str, *arguments: object, **more: object) -> logging.LogRecord:
    error = more.pop("error", None)
    made = logging.LogRecord("crescendai.api", logging.WARNING, __file__, 1, message, arguments, error)
    made.created, made.msecs = 0.0, 7.9
    vars(made).update(more)
    return made


def test_fields_stand_beside_the_message():
    line = JsonLines().format(record("rated %d “ü”\nof %s", 3, "you", fields={"status": 200, "code": None}))
    assert "\n" not in line and "ü" in line
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.007Z", "level": "warning", "logger": "crescendai.api",
        "message": "rated 3 “ü”\nof you", "status": 200, "code": None,
    }  # fmt: skip


def test_a_traceback_is_in_the_same_line():
    try:
        raise ValueError("no")
    except ValueError:
        line = JsonLines().format(record("failed", error=sys.exc_info()))
    assert "\n" not in line
    assert json.loads(line)["traceback"].splitlines()[-1] == "ValueError: no"
