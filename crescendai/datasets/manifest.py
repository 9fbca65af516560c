"""Manifests: what a corpus consists of, file by file, with sizes and checksums, and where it is from.

A manifest is a committed JSON file in ``crescendai/datasets/manifests``. Make one from a folder you
trust with ``python -m crescendai.datasets.manifest --help``.
"""

import argparse
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from crescendai.errors import DataError

MANIFESTS = Path(__file__).parent / "manifests"
BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class ManifestFile:
    """One file: its path below the source, its size in bytes and its checksum."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The files of one source.

    name: short name, also the folder below data/downloads.
    base_url: official address; a file's address is this plus its path.
    mirror_folder: the folder of a local mirror that has the same layout.
    mirror_names: path -> name in the mirror, where a mirror names a file differently.
    licence: what the source's own licence says.
    """

    name: str
    base_url: str
    mirror_folder: str
    licence: str
    mirror_names: dict[str, str]
    files: tuple[ManifestFile, ...]

    def url(self, file: ManifestFile) -> str:
        return self.base_url + quote(file.path)


def load_manifest(name: str) -> Manifest:
    """Reads a committed manifest by its name."""
    raw = json.loads((MANIFESTS / f"{name}.json").read_text())
    files = tuple(ManifestFile(**file) for file in raw.pop("files"))
    return Manifest(**raw, files=files)


def sha256_of(path: Path) -> str:
    """Checksum of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def check_file(path: Path, expected: ManifestFile) -> None:
    """Compares a file with its manifest entry; the cheap test, its size, first.

    Raises:
        DataError: missing, of another size, or of another content.
    """
    advice = "fetch it again, or correct CRESCENDAI_MIRROR"
    if not path.is_file():
        raise DataError(f"{path}: expected {expected.size} bytes, found no file; {advice}")
    size = path.stat().st_size
    if size != expected.size:
        raise DataError(f"{path}: expected {expected.size} bytes, found {size}; {advice}")
    found = sha256_of(path)
    if found != expected.sha256:
        raise DataError(f"{path}: expected sha256 {expected.sha256}, found {found}; {advice}")


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a trusted copy in upstream's layout")
    parser.add_argument("patterns", nargs="+", help="which files, e.g. 'virtuoso/data/all_2rounds/*.mid'")
    parser.add_argument("--name", required=True)
    parser.add_argument("--base-url", required=True, help="official address, pinned to a commit, ending in /")
    parser.add_argument("--mirror-folder", required=True)
    parser.add_argument("--licence", required=True)
    arguments = parser.parse_args()
    paths = sorted({path for pattern in arguments.patterns for path in arguments.folder.glob(pattern)})
    files = tuple(
        ManifestFile(str(path.relative_to(arguments.folder)), path.stat().st_size, sha256_of(path))
        for path in paths
        if path.is_file()
    )
    manifest = Manifest(
        arguments.name, arguments.base_url, arguments.mirror_folder, arguments.licence, {}, files
    )
    target = MANIFESTS / f"{arguments.name}.json"
    target.write_text(json.dumps(asdict(manifest), indent=1, ensure_ascii=False) + "\n")
    print(f"{target}: {len(files)} files, {sum(file.size for file in files)} bytes")


if __name__ == "__main__":
    _main()
