"""bptt certify: proved digits of every engine's gradient, on a corpus of one's own."""

import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from reference import Hyperparameters, Training, Vocabulary

from .. import figures as drawing
from .. import files
from ..errors import InputError, explained
from ..sessions import display
from ..settings import DEFAULTS
from ..text import corpora
from ..versions import Versions
from .certify_problem import certify_problem, is_problem
from .options import COUNT, between, make_folder, option_of, whole

CLIP = 5.0
TRAINED_ITERATIONS = 1000
OUT = Path("certificates")


def certify(
    corpus: Annotated[
        str | None,
        typer.Argument(
            metavar="CORPUS|FILE.py:NAME",
            help="A text file, - for standard input, or a name that `bptt corpora` lists; or a "
            "file and its function problem(T, H, ..., rng), which returns a GradientProblem. "
            f"[default: {corpora.DEFAULT}]",
            show_default=False,
        ),
    ] = None,
    hidden_size: Annotated[int | None, option_of("hidden_size")] = None,
    seq_length: Annotated[int | None, option_of("seq_length")] = None,
    trained_iterations: Annotated[
        int | None,
        typer.Option(
            "--trained-iterations",
            parser=COUNT,
            metavar="N",
            help="Iterations of training before the second certificate. "
            f"[default: {TRAINED_ITERATIONS}]",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int | None, option_of("seed", default_text="1, for FILE.py:NAME 0")] = None,
    encoding: Annotated[str | None, option_of("encoding")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder for certificates.json and certificates.png. For FILE.py:NAME, folder for "
            f"certificate.json. [default: {OUT}; for FILE.py:NAME, none]",
            show_default=False,
        ),
    ] = None,
    sizes: Annotated[
        list[str] | None,
        typer.Option(
            "--size",
            metavar="NAME=NUMBER",
            help="A size of FILE.py:NAME, such as T=4; can be repeated. [default: 4 each]",
            show_default=False,
        ),
    ] = None,
    digits: Annotated[
        float | None,
        typer.Option(
            "--digits",
            parser=between(0.1, 40),
            metavar="N",
            help="Digits that must be right in FILE.py:NAME, relative to the largest entry of each "
            "parameter. [default: the formula's to rounding, its result's to half of the dtype's]",
            show_default=False,
        ),
    ] = None,
    bits: Annotated[
        int | None,
        typer.Option(
            "--bits",
            parser=whole(64, 1 << 16),
            metavar="N",
            help="Highest precision to try for FILE.py:NAME. [default: 4096]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Prove how many digits of a gradient are right: of each engine's, or of your own.

    Ball arithmetic encloses every entry of the true gradient, at the initial weights and at
    trained ones; what each engine computes, by hand or by autograd, is compared with that.

    With FILE.py:NAME, your own NumPy code runs on balls, and what your gradient computes is
    compared with the enclosed gradient of your loss. Exit status: 0 proved right, 1 proved wrong,
    2 undecided, or it could not be run.
    """
    if corpus is not None and is_problem(corpus):
        _refuse(
            "of a corpus; sizes of FILE.py:NAME are given as --size NAME=NUMBER",
            {
                "--hidden": hidden_size, "--seq-length": seq_length, "--encoding": encoding,
                "--trained-iterations": trained_iterations,
            },
        )  # fmt: skip
        certify_problem(corpus, sizes or [], seed or 0, digits, bits, out)
        return
    _refuse("of FILE.py:NAME", {"--size": sizes or None, "--digits": digits, "--bits": bits})
    given = {"hidden_size": hidden_size, "seq_length": seq_length, "seed": seed}
    _certify_engines(
        corpus or corpora.DEFAULT,
        encoding or DEFAULTS["encoding"],
        {name: DEFAULTS[name] if value is None else value for name, value in given.items()},
        trained_iterations or TRAINED_ITERATIONS,
        out or OUT,
    )


def _certify_engines(
    corpus: str, encoding: str, chosen: dict[str, int], trained_iterations: int, out: Path
) -> None:
    from ..verify.certify import balls  # noqa: F401 - says what to install where python-flint is missing
    from ..verify.certify import certificate_report as report

    H, T = chosen["hidden_size"], chosen["seq_length"]
    text = corpora.load(corpus, encoding)
    vocabulary = Vocabulary.from_text(text.text)
    try:
        training = Training(
            vocabulary.encode(text.text),
            Hyperparameters(
                hidden_size=H,
                seq_length=T,
                iterations=trained_iterations,
                sample_every=trained_iterations + 1,
            ),
            vocabulary=vocabulary,
            seed=chosen["seed"],
            clip=CLIP,
        )
    except ValueError as error:
        raise InputError(f"{text.name}: {error}") from error
    make_folder(out)

    console = Console(highlight=False)
    heading = f"{text.name}: {len(vocabulary)} symbols, {H} hidden units, {T} steps"
    console.print(heading, markup=False)
    found = _certificates(training, console)
    for table in report.tables(found):
        console.print()
        console.print(table)
    console.print()
    for sentence in _conclusions(found):
        console.print(sentence, markup=False)

    settings = {
        "corpus": text.name,
        "corpus_sha256": text.sha256,
        "symbols": len(vocabulary),
        "hidden_size": H,
        "seq_length": T,
        "trained_iterations": trained_iterations,
        "seed": chosen["seed"],
        "clip": CLIP,
    }
    heading = f"{text.name}: {H} hidden units, windows of {T}, {len(vocabulary)} symbols"
    figures, picture = out / "certificates.json", out / "certificates.png"
    content = json.dumps(
        settings
        | {"versions": Versions.current().model_dump(), "certificates": report.to_json(found)},
        indent=1,
        allow_nan=False,
    )
    with explained("write", figures):
        files.write(figures, content.encode())
    drawn = drawing.write(picture, lambda: report.picture(found, heading))
    names = f"{figures.name} and {picture.name}" if drawn else figures.name
    console.print(f"{out} holds {names}.", markup=False, soft_wrap=True)


def _refuse(whose: str, options: dict[str, object]) -> None:
    for name, value in options.items():
        if value is not None:
            raise InputError(f"{name} is an option {whose}")


def _certificates(training: Training, console: Console) -> list[Any]:
    import torch

    from ..training.base import next_window
    from ..verify.certify.certificates import certify as certify_window

    torch.set_num_threads(1)
    try:
        with _doing(console, "enclosing the gradient at the initial weights"):
            window = next_window(training)
            found = list(certify_window("initial", training.parameters, window, CLIP))
        iterations = training.hyperparameters.iterations
        for _ in display.watched(console, training, "training", iterations):
            pass
        with _doing(console, "enclosing the gradient at the trained weights"):
            window = next_window(training)
            found += certify_window("trained", training.parameters, window, CLIP)
    except (FloatingPointError, ArithmeticError) as error:
        raise InputError(f"after {training.iteration} iterations: {error}") from error
    return found


def _doing(console: Console, what: str) -> AbstractContextManager[object]:
    """Show what goes on, as long as it does on a terminal, and as a line elsewhere."""
    if console.is_terminal:
        return console.status(what)
    console.print(f"{what} …", markup=False)
    return nullcontext()


def _conclusions(found: list[Any]) -> list[str]:
    from ..verify.certify import certificate_report as report

    radius = max(certificate.radius for certificate in found)
    sentences = [
        f"Proved: every true entry is enclosed within {radius:.0e}.",
        "The hand-written gradient (twin) is closer to the truth than nn.RNN's in",
    ]
    for weights, dtype, share in report.duels(found):
        sentences.append(f"  {share:.0%} of the entries: {weights} weights, {dtype}")
    for weights in ("initial", "trained"):
        clipped = max(c.clipped for c in found if c.weights == weights)
        sentences.append(
            f"The running clip at {CLIP:g} changed {clipped} entries: {weights} weights"
        )
    return sentences
