"""The lesson's grader: right cells pass, planted mistakes get the right hint, the notebook runs."""

import contextlib
import io

import numpy as np
import pytest
import torch

from bptt.verify.lesson import grade_backward, grade_clip
from bptt.verify.lesson.forward_lines import hints_for_forward
from bptt.verify.lesson.grade import NotReturned
from bptt.verify.lesson.locating import hints_for_backward, hints_for_clip
from bptt.verify.lesson.windows import probes
from bptt.verify.network import autograd
from torch_impl import convert

from . import hints, notebook, readers
from .__main__ import window_edits

EDITS = window_edits("np", "dot")
NAMED = 54  # of the mistakes that readers might make: the lines that are named


def test_every_planted_mistake_has_a_right_hint_written_down() -> None:
    assert [name for name, _, _ in EDITS] == list(hints.RIGHT)


@pytest.mark.parametrize(("name", "old", "new"), EDITS, ids=[edit[0] for edit in EDITS])
def test_first_hint_names_the_planted_line_and_in_which_way_it_is_wrong(
    name: str, old: str, new: str
) -> None:
    line, way = hints.RIGHT[name]
    found = (hints_for_clip if line == "clip" else hints_for_backward)(hints.edited(old, new))
    assert (found[0].line, found[0].way) == (line, way)
    assert hints.CLIPPED.get(name, "") in found[0].text


@pytest.mark.campaign
def test_verifier_too_sees_every_planted_mistake() -> None:
    graded = hints.grades()
    assert [name for name, grade in graded.items() if not hints.is_right(name, grade)] == []


def test_other_mistakes_get_a_hint_and_are_mostly_traced_to_their_lines() -> None:
    found = [readers.named_line(*mistake[:3])[0] for mistake in readers.MISTAKES]
    assert "nothing" not in found
    right = [line == mistake[3] for line, mistake in zip(found, readers.MISTAKES, strict=True)]
    assert sum(right) >= NAMED


@pytest.mark.parametrize("cell", readers.CELLS)
def test_right_cells_get_no_hint(cell: str) -> None:
    assert readers.HINTS[cell](readers.cell(cell)) == []


def test_expected_lines_are_the_contributions_that_autograd_computes() -> None:
    for probe in probes(4):
        tensors = [
            torch.from_numpy(part.copy()) for part in (probe.trace.inputs, probe.trace.targets)
        ]
        start = torch.from_numpy(probe.trace.states[0].copy())
        weights = convert.from_reference(probe.parameters)
        expected, _ = autograd.plain_gradient(
            weights, tensors[0], tensors[1], start, torch.from_numpy(probe.da_next.copy())
        )
        for place, value in enumerate(expected):
            total = np.sum([[*step][place] for step in probe.contributions()], axis=0)
            np.testing.assert_allclose(total, value.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (None, "got None: is the `return` missing"),
        (..., "The cell isn't filled in yet"),
        ((1, 2, 3), "must return two things"),
        (([np.zeros(2)] * 5, np.zeros(2)), "dWhx must be of shape (5, 7)"),
    ],
)
def test_what_is_no_gradient_is_named(returned: object, words: str) -> None:
    grade = grade_backward(lambda *arguments: returned)
    assert not grade.right
    assert grade.report is None
    assert words in str(grade)


def fails(*arguments: object) -> None:
    raise KeyError("dWyx")


def test_an_exception_is_told_with_its_kind_and_its_line() -> None:
    assert "KeyError in line" in str(grade_clip(fails))
    assert 'raise KeyError("dWyx")' in str(grade_backward(fails))
    with pytest.raises(NotReturned, match="KeyError"):
        hints_for_forward(fails)


def in_this_process(filled: dict[str, str], *only: str) -> dict[str, str]:
    """Execute the notebook's cells one after the other; return what the graded ones print."""
    names: dict = {}
    said = {}
    for cell, code in notebook.sources(filled).items():
        if only and cell not in only:
            continue
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(code, names)
        if cell.endswith("-grade"):
            said[cell.removesuffix("-grade")] = out.getvalue()
    return said


def test_blank_cells_are_told_to_be_filled_in() -> None:
    said = in_this_process({})
    assert "The cell isn't filled in yet" in said["forward"]
    assert "not yet right." in said["backward"]
    assert "not yet filled in?" in said["clip"]


def test_notebook_grades_a_right_backward_pass() -> None:
    said = in_this_process(notebook.RIGHT, "imports", "backward", "backward-grade")
    assert said["backward"].startswith("backward: right.")


@pytest.mark.campaign
def test_notebook_grades_blank_cells_right_ones_and_a_mistake() -> None:
    assert notebook.as_expected(in_this_process)
