"""Downloads over a real HTTP server: verified, resumed, and never half done."""

import hashlib
import http.server
import threading
from pathlib import Path
from typing import ClassVar

import pytest

from crescendai.datasets import download as download_module
from crescendai.datasets.download import MIRROR_VARIABLE, download, locate
from crescendai.datasets.manifest import Manifest, ManifestFile, check_file, load_manifest
from crescendai.errors import DataError

CONTENT = bytes(range(256)) * 4000  # 1 MB


def entry(path: str, content: bytes = CONTENT) -> ManifestFile:
    return ManifestFile(path, len(content), hashlib.sha256(content).hexdigest())


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT with ranges; /cut breaks off half way on the first request, /404 is not there."""

    requests: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        seen_before = any(path == self.path for path, _ in self.requests)
        self.requests.append((self.path, asked))
        if self.path == "/404":
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        body = CONTENT[start:]
        self.wfile.write(body[: len(body) // 2] if self.path == "/cut" and not seen_before else body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    monkeypatch.setattr(download_module.time, "sleep", lambda _: None)  # no pause before another try
    Handler.requests = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}/"
        running.shutdown()


def test_a_file_arrives_whole(server: str, tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.bin"
    download(server + "file", target, entry("file"))
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]


def test_a_right_file_is_not_asked_for_again(server: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    download(server + "file", tmp_path / "file", entry("file"))
    assert Handler.requests == []


def test_a_broken_connection_is_taken_up_where_it_broke(server: str, tmp_path: Path) -> None:
    download(server + "cut", tmp_path / "cut", entry("cut"))
    assert (tmp_path / "cut").read_bytes() == CONTENT
    assert Handler.requests == [("/cut", None), ("/cut", f"bytes={len(CONTENT) // 2}-")]


def test_an_earlier_part_is_resumed(server: str, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT[:1000])
    download(server + "file", tmp_path / "file", entry("file"))
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert Handler.requests == [("/file", "bytes=1000-")]


@pytest.mark.parametrize("there", [None, b"an older version"])
def test_wrong_content_is_refused_and_what_was_there_stays(server: str, tmp_path: Path, there: bytes | None) -> None:
    if there:
        (tmp_path / "file").write_bytes(there)
    with pytest.raises(DataError, match="expected sha256"):
        download(server + "file", tmp_path / "file", entry("file", CONTENT[::-1]))
    assert (tmp_path / "file").read_bytes() == there if there else not (tmp_path / "file").exists()
    assert not (tmp_path / "file.part").exists()  # wrong bytes are not resumed next time


def test_a_missing_file_is_one_sentence_with_the_address(server: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"/404: expected .* found no answer .*404"):
        download(server + "404", tmp_path / "404", entry("404"))


def test_locate_downloads_a_manifest_and_quotes_odd_names(server: str, tmp_path: Path) -> None:
    files = (entry(" leading space.mid"), entry("sub/two.mid"))
    find = locate(Manifest("some", server, ".", "MIT", {}, files), tmp_path)
    assert find(" leading space.mid").read_bytes() == find("sub/two.mid").read_bytes() == CONTENT
    assert "/%20leading%20space.mid" in {path for path, _ in Handler.requests}


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(MIRROR_VARIABLE, str(tmp_path))
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "renamed").write_bytes(CONTENT)
    return tmp_path


def mirrored() -> Manifest:
    return Manifest("some", "https://example.invalid/", "theirs", "MIT", {"file": "renamed"}, (entry("file"),))


def test_a_mirror_is_verified_where_it_lies(mirror: Path) -> None:
    assert locate(mirrored())("file") == mirror / "theirs" / "renamed"


@pytest.mark.parametrize(("damage", "says"), [
    (lambda f: f.unlink(), "found no file"),
    (lambda f: f.write_bytes(CONTENT[:-1]), "expected 1024000 bytes, found 1023999"),
    (lambda f: f.write_bytes(CONTENT[:-1] + b"x"), "expected sha256"),
])  # fmt: skip
def test_a_damaged_mirror_is_an_error_never_a_download(mirror: Path, damage, says: str) -> None:
    damage(mirror / "theirs" / "renamed")
    with pytest.raises(DataError, match=says):
        locate(mirrored())


def test_a_mirror_without_the_corpus_is_an_error(mirror: Path) -> None:
    (mirror / "theirs").rename(mirror / "elsewhere")
    with pytest.raises(DataError, match=MIRROR_VARIABLE):
        locate(mirrored())


@pytest.mark.parametrize(
    ("name", "files"), [("percepiano", 1205), ("dhiman2026-folds", 1), ("splendid-grand", 233), ("upright-kw", 69)]
)
def test_committed_manifests_pin_a_revision_and_every_file(name: str, files: int) -> None:
    manifest = load_manifest(name)
    assert len(manifest.files) == len({file.path for file in manifest.files}) == files
    revision = next(part for part in manifest.base_url.split("/") if len(part) == 40)
    assert int(revision, 16)
    assert all(len(file.sha256) == 64 and file.size > 0 and ".." not in file.path for file in manifest.files)


def test_the_size_is_compared_before_the_content(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"short")
    with pytest.raises(DataError, match=r"expected 1024000 bytes, found 5; fetch it again"):
        check_file(tmp_path / "file", entry("file"))
