"""Files of a manifest, from a local mirror or their official address: verified, or not at all."""

import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from crescendai.datasets.manifest import BLOCK_BYTES, Manifest, ManifestFile, check_file
from crescendai.errors import DataError

MIRROR_VARIABLE = "CRESCENDAI_MIRROR"
DOWNLOADS = Path("data/downloads")
TIMEOUT_S = 60
ATTEMPTS = 3
CONNECTIONS = 8  # many small files: the wait is for answers, not for bytes
HTTP_RANGE_NOT_SATISFIABLE = 416


def locate(manifest: Manifest, downloads: Path = DOWNLOADS) -> Callable[[str], Path]:
    """Makes sure that every file of a manifest is here and right, and says where.

    With ``CRESCENDAI_MIRROR`` set the mirror's files are verified where they lie, and nothing is
    downloaded. Otherwise what is missing is downloaded to ``downloads/<name>``.

    Returns:
        From a path in the manifest to the file on this machine.

    Raises:
        DataError: a file is missing, cannot be had, or is not the one in the manifest. Files that
            were right before are left as they are.
    """
    mirror = os.environ.get(MIRROR_VARIABLE)
    if mirror:
        root = Path(mirror).expanduser() / manifest.mirror_folder
        if not root.is_dir():
            raise DataError(
                f"{root}: expected a mirror of {manifest.name}, found no folder; correct {MIRROR_VARIABLE}, "
                "or unset it to download from the official address"
            )
        names = manifest.mirror_names
        for file in tqdm(manifest.files, f"verify {manifest.name}", unit="file", leave=False):
            check_file(root / names.get(file.path, file.path), file)
        return lambda path: root / names.get(path, path)
    root = downloads / manifest.name
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        jobs = [pool.submit(download, manifest.url(file), root / file.path, file) for file in manifest.files]
        try:
            for job in tqdm(jobs, f"download {manifest.name}", unit="file", leave=False):
                job.result()
        except DataError:
            pool.shutdown(cancel_futures=True)
            raise
    return lambda path: root / path


def download(url: str, target: Path, expected: ManifestFile) -> None:
    """Downloads one file: to ``<target>.part``, resumed where an earlier try stopped, then verified,
    then moved. A right file that is already there is kept.

    Raises:
        DataError: no answer after three tries, or other content than expected.
    """
    try:
        check_file(target, expected)
        return
    except DataError:
        pass  # missing or damaged: `target` is replaced only once its successor is verified
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".part")
    for attempt in range(ATTEMPTS):
        try:
            _continue_download(url, partial, expected.size)
            break
        except (OSError, urllib.error.URLError) as error:  # URLError is an OSError; named for the reader
            if attempt == ATTEMPTS - 1:
                raise DataError(
                    f"{url}: expected {expected.size} bytes, found no answer ({error}); check the network, "
                    f"or point {MIRROR_VARIABLE} at a local mirror"
                ) from error
            time.sleep(2.0**attempt)
    try:
        check_file(partial, expected)
    except DataError as error:
        partial.unlink(missing_ok=True)  # wrong bytes must not be resumed
        raise DataError(f"{url}: {error}") from error
    os.replace(partial, target)


def _continue_download(url: str, partial: Path, size: int) -> None:
    have = partial.stat().st_size if partial.exists() else 0
    if have >= size:
        return
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != HTTP_RANGE_NOT_SATISFIABLE:
            raise
        partial.unlink()  # the server's file is shorter than what we have: start anew
        return _continue_download(url, partial, size)
    with answer, partial.open("ab" if answer.status == 206 else "wb") as stream:
        shutil.copyfileobj(answer, stream, BLOCK_BYTES)
    if partial.stat().st_size < size:
        raise OSError(f"the connection ended after {partial.stat().st_size} of {size} bytes")
    return None
