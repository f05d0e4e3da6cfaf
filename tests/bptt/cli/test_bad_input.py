"""What can't be worked with: exit status 2, one clear message, nothing left behind."""

import json
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from ...program import SMALL, TEXT, assert_refused, bptt, listing


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "short.txt").write_text("abcde")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 au lait, " * 20)
    (tmp_path / "a_folder").mkdir()
    return tmp_path


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    (folder / "text.txt").write_text(TEXT)
    done = bptt("train", "text.txt", *SMALL, "--out", "run", folder=folder)
    assert done.returncode == 0, done
    return folder


@pytest.fixture
def trained(finished_run: Path, tmp_path: Path) -> Path:
    """A folder with text.txt and a finished run of it."""
    folder = tmp_path / "trained"
    shutil.copytree(finished_run, folder)
    config = json.loads((folder / "run/config.json").read_text())
    config["corpus"]["source"] = str(folder / "text.txt")
    (folder / "run/config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.txt"], ["'nowhere.txt'", "python-docs"]),
        (["a_folder"], ["can't read a_folder: Is a directory"]),
        (["text.txt/inside"], ["'text.txt/inside'"]),
        (["/proc/self/mem"], ["can't read /proc/self/mem"]),
        (["empty.txt"], ["expected some text, but empty.txt is empty"]),
        (["short.txt", "--seq-length", "5"], ["--split 90/5/5 leaves nothing", "5 characters"]),
        (
            ["short.txt", "--seq-length", "5", "--split", "all"],
            ["at least 6 characters", "got 5"],
        ),
        (["latin.txt"], ["latin.txt is not utf-8", "0xe9 at offset 3", "--encoding"]),
        (["text.txt", "--encoding", "klingon"], ["no encoding is called 'klingon'"]),
        (["latin.txt", "--encoding", "ascii"], ["not ascii", "offset 3"]),
        (["text.txt", "--hidden", "0"], ["--hidden", "whole number of at least 1, got 0"]),
        (["text.txt", "--hidden", "-5"], ["--hidden", "whole number of at least 1, got -5"]),
        (["text.txt", "--hidden", "many"], ["--hidden", "whole number of at least 1, got many"]),
        (["text.txt", "--seq-length", "0"], ["--seq-length", "whole number of at least 1, got 0"]),
        (["text.txt", "--iterations", "0"], ["--iterations", "whole number of at least 1, got 0"]),
        (
            ["text.txt", "--sample-every", "0"],
            ["--sample-every", "whole number of at least 1, got 0"],
        ),
        (
            ["text.txt", "--checkpoint-every", "0"],
            ["--checkpoint-every", "whole number of at least 1, got 0"],
        ),
        (["text.txt", "--log-every", "0"], ["--log-every", "whole number of at least 1, got 0"]),
        (["text.txt", "--seed", "-1"], ["0 to 4294967295, got -1"]),
        (["text.txt", "--seed", str(2**32)], ["got 4294967296"]),
        (["text.txt", "--learning-rate", "0"], ["positive finite number, got 0"]),
        (["text.txt", "--learning-rate", "-1"], ["positive finite number, got -1"]),
        (["text.txt", "--learning-rate", "nan"], ["positive finite number, got nan"]),
        (["text.txt", "--learning-rate", "inf"], ["positive finite number, got inf"]),
        (["text.txt", "--learning-rate", "fast"], ["positive finite number, got fast"]),
        (["text.txt", "--clip", "0"], ["positive finite number or none, got 0"]),
        (["text.txt", "--clip", "nan"], ["positive finite number or none, got nan"]),
        (["text.txt", "--hidden", "100000000"], ["not enough memory"]),
        (["text.txt", "--out", "a_folder"], ["a_folder exists already, a folder", "--out"]),
        (["text.txt", "--out", "empty.txt"], ["empty.txt exists already, a file", "--out"]),
        (["/dev/zero"], ["can't read /dev/zero: it is a device"]),
        (["text.txt", "--validation-file", "/dev/urandom"], ["can't read /dev/urandom"]),
        (["text.txt", "--config", "/dev/zero"], ["can't read /dev/zero: it is a device"]),
        (["text.txt", "--sample-temperature", "-1"], ["expected 0 or a positive finite number"]),
        (["text.txt", "--weight-decay", "-1"], ["expected 0 or a positive finite number, got -1"]),
        (
            ["text.txt", "--momentum", "2"],
            ["--momentum", "expected a number from 0 to below 1, got 2"],
        ),
        (["text.txt", "--out", "text.txt/run"], ["can't make the run folder text.txt/run"]),
        (["text.txt", "--out", "/proc/run"], ["can't make the run folder /proc/run"]),
        (["--resume", "a_folder"], ["a_folder is no run folder", "config.json"]),
        (["--resume", "nowhere"], ["nowhere is no run folder"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_train_refuses(arguments: list[str], said: list[str], folder: Path) -> None:
    before = listing(folder)
    assert_refused(bptt("train", *arguments, folder=folder), *said)
    assert listing(folder) == before


def test_empty_standard_input_is_refused(folder: Path) -> None:
    before = listing(folder)
    assert_refused(bptt("train", "-", folder=folder), "standard input is empty")
    assert listing(folder) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--prime", "Shéß"], ["2 of the text's characters", "'ß' 'é'", "position 2"]),
        (["--prime", ""], ["at least one character"]),
        (["--length", "-1"], ["at least 0, got -1"]),
        (
            ["--temperature", "-1"],
            ["--temperature", "expected 0 or a positive finite number, got -1"],
        ),
        (["--top-p", "0"], ["--top-p", "expected a number above 0 and at most 1, got 0"]),
        (["--prime-file", "/dev/zero"], ["can't read /dev/zero: it is a device"]),
        (["--seed", "-1"], ["0 to 4294967295, got -1"]),
    ],
    ids=" ".join,
)
def test_sample_refuses(arguments: list[str], said: list[str], trained: Path) -> None:
    before = listing(trained)
    assert_refused(bptt("sample", "run", *arguments, folder=trained), *said)
    assert listing(trained) == before


def truncate(run: Path) -> None:
    checkpoint = run / "checkpoint.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])


def flip_a_bit(run: Path) -> None:
    checkpoint = run / "checkpoint.safetensors"
    content = bytearray(checkpoint.read_bytes())
    content[-20] ^= 1
    checkpoint.write_bytes(content)


def empty(run: Path) -> None:
    (run / "checkpoint.safetensors").write_bytes(b"")


def remove(run: Path) -> None:
    (run / "checkpoint.safetensors").unlink()


def someone_elses(run: Path) -> None:
    safetensors.numpy.save_file({"weight": np.zeros(3)}, run / "checkpoint.safetensors")


def of_another_corpus(run: Path) -> None:
    (run.parent / "other.txt").write_text(TEXT.replace(";", ","))
    take_checkpoint_of(run, "other.txt", *SMALL)


def of_another_shape(run: Path) -> None:
    take_checkpoint_of(run, "text.txt", *SMALL, "--hidden", "7")


def take_checkpoint_of(run: Path, *arguments: str) -> None:
    other = run.with_name("other_run")
    done = bptt("train", *arguments, "--out", other, folder=run.parent)
    assert done.returncode == 0, done
    (other / "checkpoint.safetensors").replace(run / "checkpoint.safetensors")


@pytest.mark.parametrize("command", [["train", "--resume", "run"], ["sample", "run"]], ids=" ".join)
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (truncate, ["damaged"]),
        (flip_a_bit, ["damaged", "SHA-256"]),
        (empty, ["damaged"]),
        (remove, ["can't read run/checkpoint.safetensors: No such file or directory"]),
        (someone_elses, ["damaged or no checkpoint of this program"]),
        (of_another_shape, ["expected Whx of shape (6, 15)", "got (7, 15)"]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_damaged_checkpoint_is_refused(command, damage, said, trained: Path) -> None:
    damage(trained / "run")
    before = listing(trained)
    assert_refused(bptt(*command, folder=trained), "checkpoint.safetensors", *said)
    assert listing(trained) == before


def test_checkpoint_of_another_corpus_is_refused(trained: Path) -> None:
    of_another_corpus(trained / "run")
    assert_refused(
        bptt("train", "--resume", "run", folder=trained), "belongs to another corpus", "SHA-256"
    )


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("hidden_size", -1, "hidden_size: input should be greater than 0, got -1"),
        ("hidden_size", "six", "hidden_size: input should be a valid integer, got 'six'"),
        ("hiden_size", 6, "hiden_size: extra inputs are not permitted, got 6"),
        ("vocabulary", ["a", "a"], "symbols must differ"),
    ],
)
def test_damaged_config_is_refused(key: str, value: object, said: str, trained: Path) -> None:
    path = trained / "run/config.json"
    config = json.loads(path.read_text()) | {key: value}
    path.write_text(json.dumps(config))
    for command in (["train", "--resume", "run"], ["sample", "run"]):
        assert_refused(bptt(*command, folder=trained), "config.json is damaged", said)


def test_config_that_is_no_json_is_refused(trained: Path) -> None:
    (trained / "run/config.json").write_text('{"hidden_size": 6,')
    assert_refused(bptt("sample", "run", folder=trained), "config.json is damaged", "line 1")


def test_resume_with_another_text_is_refused(trained: Path) -> None:
    (trained / "text.txt").write_text(TEXT + "More.")
    assert_refused(
        bptt("train", "--resume", "run", folder=trained), "trained on another text", "SHA-256"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--hidden", "9"], "got hidden-size"),
        (["--learning-rate", "1", "--seed", "2"], "got learning-rate, seed"),
        (["--out", "elsewhere"], "got --out"),
        (["--iterations", "10"], "60 iterations behind it; --iterations must be at least"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_resume_with_other_settings_is_refused(arguments, said: str, trained: Path) -> None:
    before = listing(trained)
    assert_refused(bptt("train", "--resume", "run", *arguments, folder=trained), said)
    assert listing(trained) == before


@pytest.mark.parametrize("rate", ["1e4", "1e200", "1e308"])
def test_breakdown_keeps_the_last_good_checkpoint(rate: str, folder: Path) -> None:
    done = bptt(
        "train", "text.txt", *SMALL, "--learning-rate", rate, "--checkpoint-every", "1",
        "--out", "run", folder=folder,
    )  # fmt: skip
    assert_refused(done, "training broke down in iteration", "smaller --learning-rate", "run")
    assert "Warning" not in done.stderr
    tensors = safetensors.numpy.load_file(folder / "run/checkpoint.safetensors")
    assert all(np.isfinite(value).all() for value in tensors.values())
    assert (folder / "run/loss.png").exists()


def test_full_disk_keeps_the_old_checkpoint(trained: Path) -> None:
    run = trained / "run"
    before = (run / "checkpoint.safetensors").read_bytes()
    (run / "checkpoint.safetensors.tmp").symlink_to("/dev/full")
    done = bptt("train", "--resume", "run", "--iterations", "200", folder=trained)
    assert_refused(done, "can't write run/checkpoint.safetensors: No space left on device",
                   "of iteration 60, is in run")  # fmt: skip
    assert (run / "checkpoint.safetensors").read_bytes() == before
    assert not (run / "checkpoint.safetensors.tmp").is_symlink()
    again = bptt("train", "--resume", "run", folder=trained)
    assert again.returncode == 0, again


def test_file_size_limit_while_logging_keeps_the_old_checkpoint(trained: Path) -> None:
    run = trained / "run"
    before = (run / "checkpoint.safetensors").read_bytes()
    done = bptt(
        "train", "--resume", "run", "--iterations", "100000", folder=trained,
        preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000)),
    )  # fmt: skip
    assert_refused(done, "can't write", "File too large", "is in run")
    assert (run / "checkpoint.safetensors").read_bytes() == before


def test_disk_that_is_full_at_the_start_leaves_nothing(folder: Path) -> None:
    before = listing(folder)
    done = bptt(
        "train", "text.txt", "--out", "deep/run", folder=folder,
        preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000)),
    )  # fmt: skip
    assert_refused(done, "can't write", "checkpoint.safetensors: File too large")
    assert listing(folder) == before
