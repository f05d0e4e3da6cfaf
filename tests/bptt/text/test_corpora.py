"""Corpora that are fetched: from a server on this machine, with all that can go wrong."""

import gc
import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bptt.errors import InputError
from bptt.text import corpora
from bptt.text.corpora import Remote
from bptt.text.decoding import Units
from bptt.text.encoded import open_corpus

# pooch leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

TEXT = "To be, or not to be. " * 50
BYTES = bytes(range(256)) * 4


def zipped(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def damaged(archive: bytes) -> bytes:
    """Change a byte of the member's content, which its CRC tells."""
    place = archive.index(BYTES) + 100
    return archive[:place] + bytes([archive[place] ^ 1]) + archive[place + 1 :]


FILES = {
    "/good.txt": TEXT.encode(),
    "/bytes.zip": zipped("bytes", BYTES),
    "/text.zip": zipped("text", TEXT.replace(". ", ".\r\n").encode()),
    "/other.zip": zipped("other", BYTES),
    "/damaged.zip": damaged(zipped("bytes", BYTES)),
    "/cut.zip": zipped("bytes", BYTES)[:-30],
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved.txt":
            self.send_response(302)
            self.send_header("Location", "/good.txt")
            self.end_headers()
        elif self.path == "/cut.txt":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(FILES["/good.txt"][:100])
        elif self.path in FILES:
            self.send_response(200)
            self.send_header("Content-Length", str(len(FILES[self.path])))
            self.end_headers()
            self.wfile.write(FILES[self.path])
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        pass


@pytest.fixture
def server() -> Iterator[str]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()
    gc.collect()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BPTT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def offer(
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    content: bytes,
    member: str | None = None,
    units: Units = "characters",
) -> None:
    remote = Remote("a test", url, hashlib.sha256(content).hexdigest(), member, units)
    monkeypatch.setitem(corpora.REMOTE, "offered", remote)


@pytest.mark.parametrize("path", ["/good.txt", "/moved.txt"])
def test_corpus_is_fetched_once_and_kept(path: str, server: str, cache, monkeypatch) -> None:
    offer(monkeypatch, server + path, TEXT.encode())
    assert corpora.load("offered").text == TEXT
    assert corpora.cached_file("offered").parent == cache
    offer(monkeypatch, "http://127.0.0.1:9/nowhere", TEXT.encode())
    assert corpora.load("offered").text == TEXT


def test_archive_of_bytes_is_one_symbol_a_byte(server: str, cache, monkeypatch) -> None:
    offer(monkeypatch, f"{server}/bytes.zip", FILES["/bytes.zip"], member="bytes", units="bytes")
    assert corpora.load("offered").text == BYTES.decode("latin-1")
    for _ in range(2):  # encoded, and found in the cache
        encoded = open_corpus("offered")
        assert encoded.units == "bytes"
        assert encoded.indices.tolist() == list(BYTES)
        assert encoded.sha256 == hashlib.sha256(BYTES).hexdigest()


def test_archive_of_text_is_read_in_either_unit(server: str, cache, monkeypatch) -> None:
    offer(monkeypatch, f"{server}/text.zip", FILES["/text.zip"], member="text")
    for _ in range(2):
        as_text, as_bytes = open_corpus("offered"), open_corpus("offered", units="bytes")
        assert as_text.units == "characters"
        assert as_text.sha256 == corpora.load("offered").sha256
        assert len(as_bytes.indices) == len(TEXT) + TEXT.count(". ")


@pytest.mark.parametrize("file", ["/other.zip", "/damaged.zip", "/cut.zip", "/good.txt"])
def test_archive_that_is_damaged_or_lacks_its_text_is_refused(
    file: str, server: str, cache: Path, monkeypatch
) -> None:
    offer(monkeypatch, server + file, FILES[file], member="bytes", units="bytes")
    said = "must have bytes in it" if file == "/other.zip" else "is not an intact zip archive"
    for read in (corpora.load, open_corpus):
        with pytest.raises(InputError, match=f"{cache}/offered.zip {said}"):
            read("offered")
    assert list(cache.rglob("*")) == [cache / "offered.zip"]


def test_wrong_hash_is_told_with_the_right_one(server: str, cache: Path, monkeypatch) -> None:
    offer(monkeypatch, f"{server}/good.txt", b"something else")
    with pytest.raises(InputError) as caught:
        open_corpus("offered")
    for content in (b"something else", TEXT.encode()):
        assert hashlib.sha256(content).hexdigest() in str(caught.value)
    assert not list(cache.rglob("*"))


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("/good.txt", b"something else", "hash"),
        ("/cut.txt", TEXT.encode(), ""),
        ("/missing.txt", TEXT.encode(), "404"),
    ],
)
def test_failed_fetch_says_where_to_put_the_file_and_leaves_none(
    path: str, content: bytes, said: str, server: str, cache: Path, monkeypatch
) -> None:
    offer(monkeypatch, server + path, content)
    with pytest.raises(InputError, match="can't fetch offered from") as caught:
        corpora.load("offered")
    assert said in str(caught.value)
    assert str(cache / "offered.txt") in str(caught.value)
    assert not list(cache.rglob("*"))


def test_without_a_network_a_file_put_there_is_used(cache: Path, monkeypatch) -> None:
    offer(monkeypatch, "http://127.0.0.1:9/nowhere", TEXT.encode())
    with pytest.raises(InputError, match="Without a network, put the file"):
        corpora.load("offered")
    cache.mkdir(exist_ok=True)
    (cache / "offered.txt").write_text(TEXT)
    assert corpora.load("offered").text == TEXT


def test_wrong_file_in_the_cache_is_not_used(server: str, cache: Path, monkeypatch) -> None:
    offer(monkeypatch, f"{server}/good.txt", TEXT.encode())
    cache.mkdir()
    (cache / "offered.txt").write_text("something else")
    assert corpora.load("offered").text == TEXT
