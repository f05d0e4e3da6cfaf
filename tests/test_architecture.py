"""The folders are the architecture: imports go down its floors, and no folder or file is large.

Every import counts, also one inside a function or for type checking only.
"""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LARGEST_FOLDER = 16  # modules, without __init__.py
LONGEST_FILE = 300  # lines

# From the top floor down. A name may import from the floors below its own, not from its own floor.
# Names that are not listed lie on the ground, under all floors, and may import each other.
FLOORS: dict[str, list[set[str]]] = {
    "": [{"tests"}, {"benchmarks", "examples"}, {"bptt"}, {"torch_impl"}, {"reference"}],
    "bptt": [
        {"__main__"},
        {"cli"},
        {"experiments", "pages"},
        {"sessions", "models"},
        {"runs", "verify"},
        {"training"},
        {"engines", "text"},
    ],
    "bptt.verify": [{"certify", "lesson"}, {"network", "backward", "audit"}, {"checker"}],
    "torch_impl": [{"fast", "elman"}, {"kernels"}],
    "benchmarks": [
        {"__main__"},
        {"instructions"},
        {"speed", "stacks", "scaling", "baseline", "published_run"},
        {"report"},
        {"workloads"},
        {"limit", "engines"},
        {"harness"},
        {"problems"},
    ],
}

Graph = dict[str, set[str]]


def module_files() -> dict[str, Path]:
    found = {}
    for top in set().union(*FLOORS[""]):
        for path in (ROOT / top).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


FILES = module_files()
PACKAGES = sorted(name for name, path in FILES.items() if path.name == "__init__.py")


def imports(name: str) -> Iterator[str]:
    """Yield the modules of this repository that a module imports, or takes names from."""
    package = name if name in PACKAGES else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(FILES[name].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in FILES)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join(
                [*(above if node.level else []), *([node.module] if node.module else [])]
            )
            for alias in node.names:
                target = f"{base}.{alias.name}"
                yield from (one for one in [target if target in FILES else base] if one in FILES)


GRAPH: Graph = {name: set(imports(name)) for name in FILES}


def within(package: str) -> Graph:
    """Return which children of a package import which others; "" is the whole repository."""
    prefix = f"{package}." if package else ""
    graph: Graph = {}

    def child(name: str) -> str | None:
        return name.removeprefix(prefix).split(".")[0] if name.startswith(prefix) else None

    for name, targets in GRAPH.items():
        if (importer := child(name)) is not None:
            found = {imported for target in targets if (imported := child(target)) is not None}
            graph.setdefault(importer, set()).update(found - {importer})
    return graph


def circle(graph: Graph) -> str | None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " <- ".join(error.args[1])
    return None


def test_modules_import_in_no_circle() -> None:
    assert len(GRAPH) > 200
    assert circle(GRAPH) is None


@pytest.mark.parametrize("package", PACKAGES)
def test_the_children_of_a_package_import_in_no_circle(package: str) -> None:
    assert circle(within(package)) is None


@pytest.mark.parametrize("package", FLOORS)
def test_imports_go_down_the_floors(package: str) -> None:
    floor = {name: -n for n, names in enumerate(FLOORS[package]) for name in names}
    ground = -len(FLOORS[package])
    graph = within(package)
    assert floor.keys() <= graph.keys()
    upward = [
        f"{package or 'the repository'}: {importer} must not import {imported}"
        for importer, targets in graph.items()
        for imported in targets
        if floor.get(imported, ground) >= floor.get(importer, ground + 1)
    ]
    assert not upward


def test_no_folder_holds_more_modules_than_a_reader_takes_in() -> None:
    sizes = {
        package: len(
            [path for path in FILES[package].parent.glob("*.py") if path.stem != "__init__"]
        )
        for package in PACKAGES
    }
    assert {name: size for name, size in sizes.items() if size > LARGEST_FOLDER} == {}


def test_no_file_is_longer_than_a_sitting() -> None:
    lengths = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in FILES.values()}
    assert {name for name, length in lengths.items() if length > LONGEST_FILE} == set()
