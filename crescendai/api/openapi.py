"""The OpenAPI document of the service: ``python -m crescendai.api.openapi docs/openapi.json`` writes it."""

import json
import os
import sys
from pathlib import Path

from crescendai.api.service import create_app
from crescendai.api.settings import ServiceSettings


def openapi_text() -> str:
    """The document as JSON, the same for the same code."""
    return json.dumps(create_app(ServiceSettings()).openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    partial = path.with_name(path.name + ".part")
    partial.write_text(openapi_text(), encoding="utf-8")
    os.replace(partial, path)
