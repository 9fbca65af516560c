"""The command line: ``crescendai analyze``, ``serve``, ``models``, ``weights`` and ``export``.

An error that the user can put right is one line on stderr and exit code 1; ``--debug`` adds the traceback.
Commands import what they need when they run, so that ``--help`` answers at once.
"""

import io
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Runs a command. argv: without the program's name; the process's own by default."""
    from crescendai.cli.app import app
    from crescendai.errors import CrescendaiError

    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words  # at any place, as every command has it
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a sign that a terminal lacks is no reason to lose ratings
    try:
        app([word for word in words if word != "--debug"], prog_name="crescendai")
    except (CrescendaiError, OSError) as error:
        if debug:
            raise
        from crescendai.cli.shown import shown

        sys.exit("\n".join(shown(line) for line in f"error: {error}".split("\n")))
    except SystemExit as done:
        if done.code:
            raise


__all__ = ["main"]
