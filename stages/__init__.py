"""The stages of the pipeline, one script each, named as in dvc.yaml; and how a stage is started."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from crescendai.errors import CrescendaiError
from crescendai.params import Params, load_params
from stages.memory import PeakMemory

COMPILED = Path("models/.compiled")


def run_stage(main: Callable[[str, Params], None], doc: str, compiles: bool = False) -> None:
    """Reads the command line and params.yaml and runs ``main(corpus, params)``.

    compiles: the stage uses JAX; its compiled programs are kept for the next run.

    An error the user can put right is one line on stderr and exit code 1; ``--debug`` adds the
    traceback. The last line on stdout says how long the stage took and its peak memory,
    worker processes included.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", help="demo, percepiano, folder or ccmusic")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    arguments = parser.parse_args()
    started = time.perf_counter()
    try:
        params = load_params()
        if arguments.corpus not in type(params.scale).model_fields:
            raise CrescendaiError(
                f"corpus: expected one of {', '.join(type(params.scale).model_fields)}, "
                f"found {arguments.corpus!r}; see params.yaml"
            )
        if compiles:
            from crescendai.training.compile_cache import use_compile_cache

            use_compile_cache(COMPILED)
        with PeakMemory() as memory:
            main(arguments.corpus, params)
    except CrescendaiError as error:
        if arguments.debug:
            raise
        sys.exit(f"error: {error}")
    print(f"done in {time.perf_counter() - started:.0f} s, peak memory {memory.peak_gb:.2f} GB")
