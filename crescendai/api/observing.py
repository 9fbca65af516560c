"""What can be seen of the service from outside: metrics for Prometheus, and a line of JSON a request."""

import json
import logging
import sys
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BUCKETS_S = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120)


class Metrics:
    """Counts of one service; paths are the routes' own, so that a stranger cannot make up labels."""

    def __init__(self):
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "crescendai_requests", "Requests by route and status", ["route", "status"], registry=self.registry
        )
        self.errors = Counter("crescendai_errors", "Answers with an error, by code", ["code"], registry=self.registry)
        self.seconds = Histogram(
            "crescendai_request_seconds", "From request to answer", ["route"], buckets=BUCKETS_S,
            registry=self.registry,
        )  # fmt: skip
        self.audio_seconds = Counter("crescendai_audio_seconds", "Sound that was rated", registry=self.registry)
        self.under_way = Gauge("crescendai_under_way", "Requests that are rated or wait", registry=self.registry)
        self.ready = Gauge("crescendai_ready", "1 when recordings are taken", registry=self.registry)

    def text(self) -> bytes:
        return generate_latest(self.registry)


class JsonLines(logging.Formatter):
    """A JSON object a record; what is passed as ``extra={"fields": {...}}`` is part of it."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }  # fmt: skip
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def log_as_json() -> None:
    """Every logger of this process writes JSON to stderr; uvicorn's access lines are left out, ours say more."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = name != "uvicorn.access"
    logging.getLogger("jax").setLevel(logging.WARNING)
