"""Hypothesis: the same examples each time for `make test`, new ones elsewhere."""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "default", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=40
)
settings.register_profile(
    "ci", settings.get_profile("default"), max_examples=15, derandomize=True, database=None
)
settings.register_profile(
    "explore",
    settings.get_profile("default"),
    max_examples=5_000,
    phases=[Phase.generate, Phase.target, Phase.shrink],
)
settings.register_profile(  # nobody reads a planted error's smallest case
    "planted", settings.get_profile("ci"), max_examples=60, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Campaigns run only where asked for by `-m campaign`."""
    if "campaign" in config.option.markexpr:
        return
    campaigns = [item for item in items if item.get_closest_marker("campaign")]
    items[:] = [item for item in items if item not in campaigns]
    config.hook.pytest_deselected(items=campaigns)
