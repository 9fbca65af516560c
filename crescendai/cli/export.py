"""``crescendai export``."""

from pathlib import Path

from crescendai.errors import CrescendaiError


def export_networks(onnx: Path | None, jax: Path | None, model: Path | None) -> None:
    if onnx is None and jax is None:
        raise CrescendaiError("export: expected --onnx FILE or --jax FILE, found neither; name one")
    from crescendai.cli.models import check_model
    from crescendai.cli.outputs import check_places

    check_places({"--onnx": onnx, "--jax": jax})
    check_model(model)
    from crescendai.deployment.programs import write_jax, write_onnx
    from crescendai.shipped import open_shipped

    trained = open_shipped(model).model
    for path, write in ((onnx, write_onnx), (jax, write_jax)):
        if path is None:
            continue
        try:
            written = write(trained, path)
        except ModuleNotFoundError as error:
            raise CrescendaiError(
                f"export: expected the packages of the extra `export`, found no {error.name}; "
                "pip install 'crescendai[export]'"
            ) from error
        for file, difference in written.items():
            print(f"{file}: differs from the network by at most {difference:.1e}; {file.name}.json says what it takes")
