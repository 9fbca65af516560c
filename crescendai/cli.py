"""The command line: ``crescendai weights import`` and ``crescendai weights export``.

An error that the user can put right is one line on stderr and exit code 1; ``--debug`` adds the traceback.
Commands import what they need when they run, so that ``--help`` answers at once.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from crescendai.errors import CrescendaiError, DataError

IMPORT_HELP = """Takes over weights of an Audio Spectrogram Transformer that Hugging Face's transformers reads.

SOURCE is a folder with model.safetensors (or pytorch_model.bin, which needs torch), config.json and
preprocessor_config.json, or the file of weights in it. TARGET.safetensors and TARGET.json are written.

Without options the model stays what it was, number for number. With them the positions of patches are cut
from the middle or interpolated, as AST does, and the model wants finetuning.

  crescendai weights import ast-finetuned-audioset-10-10-0.4593 models/audioset
  crescendai weights import ast-finetuned-audioset-10-10-0.4593 models/short --max-frames 512"""

EXPORT_HELP = """Writes a model for ASTForAudioClassification.from_pretrained(TARGET_FOLDER).

MODEL is the path of MODEL.safetensors and MODEL.json. Its network must be AST's own: pooled by tokens, with a
linear head. TARGET_FOLDER must be new or empty.

  crescendai weights export models/audioset exported"""


def main(argv: Sequence[str] | None = None) -> None:
    """Runs a command. argv: without the program's name; the process's own by default."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (CrescendaiError, OSError) as error:
        if arguments.debug:
            raise
        sys.exit(f"error: {error}")


def import_weights(arguments: argparse.Namespace) -> None:
    from crescendai.models.checkpoint import save_model
    from crescendai.models.convert import with_geometry
    from crescendai.models.hugging_face import import_model

    for file in (f"{arguments.target}.safetensors", f"{arguments.target}.json"):
        if Path(file).exists():
            raise DataError(f"{file}: expected no such file yet, found one; choose another target or delete it")
    model = with_geometry(import_model(arguments.source), arguments.n_mels, arguments.max_frames, arguments.stride)
    save_model(model, arguments.target)
    c = model.network.config
    print(
        f"{arguments.target}: {c.depth} blocks of width {c.width}, {c.max_time_patches} x {c.mel_patches} patches of "
        f"{c.max_frames} frames x {c.n_mels} mel bands, {model.network.num_outputs} outputs"
    )


def export_weights(arguments: argparse.Namespace) -> None:
    from crescendai.models.checkpoint import load_model
    from crescendai.models.hugging_face import export_model

    export_model(load_model(arguments.model), arguments.folder)
    print(f"{arguments.folder}: model.safetensors, config.json, preprocessor_config.json")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "crescendai", description="Rates how a piano performance is played, from its sound."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    weights = commands.add_parser("weights", help="take over or hand on trained weights")
    actions = weights.add_subparsers(title="actions", required=True, metavar="ACTION")

    command = _command(actions, "import", "take over weights of transformers", IMPORT_HELP, import_weights)
    command.add_argument("source", metavar="SOURCE", type=Path, help="folder, or file of weights in it")
    command.add_argument("target", metavar="TARGET", type=_model_path, help="path of the new model, without suffix")
    command.add_argument("--max-frames", type=_positive, metavar="N", help="longest input (default: as it was)")
    command.add_argument("--n-mels", type=_positive, metavar="N", help="mel bands of the input (default: as it was)")
    command.add_argument(
        "--stride", type=_positive, metavar="N", help="from patch to patch, in frames and bands (default: as it was)"
    )

    command = _command(actions, "export", "hand on weights to transformers", EXPORT_HELP, export_weights)
    command.add_argument("model", metavar="MODEL", type=_model_path, help="path of the model, without suffix")
    command.add_argument("folder", metavar="TARGET_FOLDER", type=Path, help="new or empty folder")
    return parser


def _command(actions, name: str, summary: str, description: str, run) -> argparse.ArgumentParser:
    command = actions.add_parser(
        name, help=summary, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("--debug", action="store_true", help="show the traceback of an error")
    command.set_defaults(run=run)
    return command


def _model_path(text: str) -> Path:
    """Forgives the suffix of one of a model's two files."""
    return Path(text.removesuffix(".safetensors").removesuffix(".json"))


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, found {text!r}")
    return int(text)
