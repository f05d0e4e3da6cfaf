"""A run on bytes: what it writes are the bytes, people are shown text, and primes are UTF-8."""

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptt.runs import log
from bptt.training.sampling import readable

from ...program import COMMAND, SMALL, assert_refused, bptt

TEXT = "La façade était à côté; ça commençait très tôt, là où l'été s'achève.\n" * 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bytes")
    (folder / "text.txt").write_text(TEXT, encoding="utf-8")
    done = bptt("train", "text.txt", "--units", "bytes", *SMALL, "--sample-temperature", "1",
                "--out", "run", folder=folder)  # fmt: skip
    assert done.returncode == 0, done
    (folder / "output.txt").write_text(done.stdout, encoding="utf-8")
    return folder


def sampled(folder: Path, *arguments: str) -> bytes:
    done = subprocess.run([*COMMAND, "sample", "run", *arguments], cwd=folder, capture_output=True)
    assert done.returncode == 0, done
    return done.stdout


def test_a_pipe_gets_the_bytes_and_a_prime_is_in_utf8(folder: Path) -> None:
    (folder / "prime.bin").write_bytes(b"\xa7ade")  # the end of ç, as a file may begin
    prime = "façade".encode()
    drawn = ["--temperature", "3", "--length", "200", "--seed", "3"]
    found = sampled(folder, "--prime", "façade", "--samples", "2", *drawn)
    assert found.startswith(prime)
    assert len(found) == 2 * (len(prime) + 200) + 3
    assert found[len(prime) + 200 :].startswith(b"\n\n" + prime)
    assert set(found) <= set(TEXT.encode())
    with pytest.raises(UnicodeDecodeError):
        found.decode()  # hot enough to tear characters, which leave as they are
    whole = sampled(folder, "--prime-file", "prime.bin", *drawn)
    assert whole.startswith(b"\xa7ade")
    assert len(whole) == 4 + 200 + 1


def test_a_terminal_is_shown_text(folder: Path) -> None:
    main, side = pty.openpty()
    command = [*COMMAND, "sample", "run", "--prime", "façade", "--temperature", "3"]
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=side)
    os.close(side)
    shown = b""
    try:
        while piece := os.read(main, 65536):
            shown += piece
    except OSError:  # how Linux reports the other end's closing
        pass
    os.close(main)
    assert process.wait() == 0
    assert shown.decode().startswith("façade")
    assert "\ufffd" in shown.decode()


def test_log_card_and_samples_hold_text(folder: Path) -> None:
    samples = [entry.sample for entry in log.read(folder / "run/log.jsonl", log.Entry)
               if entry.sample is not None]  # fmt: skip
    assert any(set(sample) & set("çéèàôù\ufffd") for sample in samples)
    for sample in samples:
        assert not set(sample) & {chr(byte) for byte in "çéèàôùû".encode()}
        assert sample.encode() in (folder / "run/samples.txt").read_bytes()
    card = (folder / "run/card.md").read_text(encoding="utf-8")
    assert "\ufffd" in card
    assert not set(card) & {chr(byte) for byte in "çéèàôùû".encode()}
    shown = (folder / "output.txt").read_text(encoding="utf-8")
    assert samples[0].splitlines()[0] in shown


@pytest.mark.parametrize("option", ["--prime", "--prime-file"])
def test_bytes_that_were_never_seen_are_named(option: str, folder: Path) -> None:
    (folder / "prime.txt").write_text("Ähß", encoding="utf-8")
    prime = "Ähß" if option == "--prime" else "prime.txt"
    done = bptt("sample", "run", option, prime, folder=folder)
    assert_refused(done, "the prime has bytes that the run never saw: 0x84, 0x9f")


@given(text=st.text(max_size=30), cut=st.integers(0, 9), size=st.integers(1, 4))
def test_bytes_are_read_as_utf8_wherever_pieces_end(text: str, cut: int, size: int) -> None:
    content = text.encode()[cut:]
    pieces = [content[at : at + size].decode("latin-1") for at in range(0, len(content), size)]
    assert "".join(readable(pieces, "bytes")) == content.decode("utf-8", "replace")
    assert list(readable([text], "characters")) == [text]


def test_run_of_bytes_that_goes_on_writes_the_same(folder: Path, tmp_path: Path) -> None:
    for name, iterations in (("parts", "30"), ("whole", "60")):
        done = bptt("train", folder / "text.txt", "--units", "bytes", *SMALL[:-4],
                    "--iterations", iterations, "--sample-every", "20", "--out", name,
                    folder=tmp_path)  # fmt: skip
        assert done.returncode == 0, done
    assert bptt("train", "--resume", "parts", "--iterations", "60", folder=tmp_path).returncode == 0
    parts, whole = (
        [json.loads(line).get("sample") for line in
         (tmp_path / name / "log.jsonl").read_text().splitlines() if '"sample"' in line]
        for name in ("parts", "whole")
    )  # fmt: skip
    assert parts == whole
