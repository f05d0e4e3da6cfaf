"""Short runs and layers give the bits that they gave when digests.json was written."""

import json

import pytest

from . import digests

EXPECTED = json.loads(digests.EXPECTED.read_text())


def test_every_digest_has_a_name_in_the_file() -> None:
    rules = len(digests.RULES) * len(digests.SIZES)
    layers = len(digests.LAYERS) + len(digests.STACKS)
    assert len(EXPECTED) == len(digests.DTYPES) * (rules + layers)
    assert len(set(EXPECTED.values())) == len(EXPECTED)


@pytest.mark.parametrize("dtype", digests.DTYPES)
@pytest.mark.parametrize("sizes", digests.SIZES, ids=str)
@pytest.mark.parametrize("rule", digests.RULES)
def test_short_run_has_its_bits(rule: str, sizes: tuple[int, int, int], dtype: str) -> None:
    lanes, H, T = sizes
    name = f"{rule}, {dtype}, {lanes} lanes, H={H}, T={T}"
    assert digests.trained(rule, dtype, lanes, H, T) == EXPECTED[name]


@pytest.mark.parametrize("dtype", digests.DTYPES)
@pytest.mark.parametrize("sizes", digests.LAYERS, ids=str)
def test_layer_has_its_bits(sizes: tuple[int, int, int, int], dtype: str) -> None:
    name = "layer, {}, B={}, H={}, I={}, T={}".format(dtype, *sizes)
    assert digests.layer(dtype, *sizes) == EXPECTED[name]


@pytest.mark.parametrize("dtype", digests.DTYPES)
@pytest.mark.parametrize("name", digests.STACKS)
def test_two_layers_have_their_bits(name: str, dtype: str) -> None:
    found = digests.stack(dtype, **digests.STACKS[name])
    assert found == EXPECTED[f"two layers, {dtype}, {name}"]
