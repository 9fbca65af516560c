"""All commands, their arguments and their help."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Rates how a piano performance is played, from its sound.",
    epilog="--debug, with any command, shows the traceback of an error.",
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
)  # fmt: skip
models = typer.Typer(help="what the package's model is, says of itself, and whether it is whole", no_args_is_help=True)
weights = typer.Typer(help="take over or hand on trained weights", no_args_is_help=True)
app.add_typer(models, name="models")
app.add_typer(weights, name="weights")

ModelOption = Annotated[
    Path | None, typer.Option("--model", metavar="PATH", help="a model's folder, or a model without suffix")
]
FolderOption = Annotated[
    Path | None, typer.Option("--model", metavar="FOLDER", help="a model's folder; by default the package's own")
]


@app.callback()
def everything() -> None:
    pass


@app.command()
def analyze(
    inputs: Annotated[list[Path], typer.Argument(metavar="FILE…|FOLDER", help="recordings, or folders of them")],
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="all results as JSON; - is stdout")
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="a row a recording; - is stdout")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="a page that needs no other file")] = None,
    model: ModelOption = None,
) -> None:
    """Rate recordings: WAV, FLAC, MP3 or OGG, from a second to four hours long.

    Ratings are on the scale of those who listened, whose answers from 1 to 7 are divided by 7: 0.57 is the neutral one.

    A recording that cannot be rated is one line on stderr; the others are rated all the same, and the exit code is 1.
    """
    from crescendai.cli.analyze import analyze_inputs

    raise typer.Exit(analyze_inputs(inputs, json, csv, html, model))


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="address to listen on; the default is this machine alone")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one")] = 8000,
    model: ModelOption = None,
) -> None:
    """Rate recordings over HTTP; further settings are environment variables, see docs/service.md."""
    from crescendai.cli.serve import run_service

    run_service(host, port, model)


@app.command()
def export(
    onnx: Annotated[Path | None, typer.Option("--onnx", metavar="FILE", help="graphs for onnxruntime")] = None,
    jax: Annotated[Path | None, typer.Option("--jax", metavar="FILE", help="programs for jax.export")] = None,
    model: ModelOption = None,
) -> None:
    """Write the networks as graphs, each compared with the original before it is kept.

    FILE is for the network that rates; those that encode and listen go beside it, as FILE with -encoding and
    -listening before its suffix. FILE.json says what each takes and gives.
    """
    from crescendai.cli.export import export_networks

    export_networks(onnx, jax, model)


@models.command("list")
def list_models(model: FolderOption = None) -> None:
    """Name, version and checksum."""
    from crescendai.cli.models import print_identity

    print_identity(model)


@models.command("card")
def show_card(model: FolderOption = None) -> None:
    """What the model is for, how it was made, what it scores."""
    from crescendai.cli.models import print_card

    print_card(model)


@models.command("verify")
def verify_model(model: FolderOption = None) -> None:
    """Compare every file with its checksum."""
    from crescendai.cli.models import print_verified

    print_verified(model)


@weights.command("import")
def import_weights(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="folder, or file of weights in it")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="path of the new model, without suffix")],
    max_frames: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="longest input (default: as it was)")
    ] = None,
    n_mels: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="mel bands of the input (default: as it was)")
    ] = None,
    stride: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="from patch to patch, in frames and bands (default: as it was)"),
    ] = None,
) -> None:
    """Take over weights of an Audio Spectrogram Transformer that Hugging Face's transformers reads.

    SOURCE is a folder with model.safetensors (or pytorch_model.bin, which needs torch), config.json and
    preprocessor_config.json, or the file of weights in it. TARGET.safetensors and TARGET.json are written.

    Without options the model stays what it was, number for number. With them the positions of patches are cut
    from the middle or interpolated, as AST does, and the model wants finetuning.

    \b
    crescendai weights import ast-finetuned-audioset-10-10-0.4593 models/audioset
    crescendai weights import ast-finetuned-audioset-10-10-0.4593 models/short --max-frames 512
    """
    from crescendai.cli.weights import import_model_files

    import_model_files(source, target, max_frames, n_mels, stride)


@weights.command("export")
def export_weights(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="path of the model, without suffix")],
    folder: Annotated[Path, typer.Argument(metavar="TARGET_FOLDER", help="new or empty folder")],
) -> None:
    """Write a model for ASTForAudioClassification.from_pretrained(TARGET_FOLDER).

    MODEL is the path of MODEL.safetensors and MODEL.json. Its network must be AST's own: pooled by tokens, with a
    linear head. TARGET_FOLDER must be new or empty.

    \b
    crescendai weights export models/audioset exported
    """
    from crescendai.cli.weights import export_model_files

    export_model_files(model, folder)
