"""The rules of the house (docs/design.md), held by a test."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]

#: What the modules of a package may import of ours: imports run one way.
_MAY_IMPORT = {
    "config": {"config"},
    "messaging": {"config", "messaging"},
    "workers": {"config", "messaging", "workers"},
    "stack": {"config", "stack"},
}

#: The composition roots of the web process and the doctor see all; that of the workers' process nobody else may import.
_WEB_ROOT = "messaging.serve"
_DOCTOR_ROOT = "messaging.doctor.examination"
_WORKER_ROOT = "workers.main"

#: Who may import a root, and only they.
_CALLERS = {
    _WEB_ROOT: {"messaging.cli.commands.serve", _DOCTOR_ROOT},
    _DOCTOR_ROOT: {"messaging.cli.commands.doctor"},
    "messaging.cli.main": {"messaging.__main__", "messaging.cli.commands.completion"},
    "messaging.__main__": set(),
    _WORKER_ROOT: set(),
    "workers.__main__": set(),
    "stack.__main__": set(),
}


def _name(path: Path) -> str:
    return ".".join(path.relative_to(_ROOT).with_suffix("").parts).removesuffix(".__init__")


#: What is about the product and no part of it.
_OUTSIDE = {"benchmarks", "tests"}

_FILES = {_name(path): path for package in _MAY_IMPORT for path in sorted((_ROOT / package).rglob("*.py"))}
_TREES = {name: ast.parse(path.read_text()) for name, path in _FILES.items()}
_PYPROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text())

every_module = pytest.mark.parametrize("module", _FILES)


def _imported(tree: ast.Module) -> Iterator[str]:
    """The modules that a tree imports, wherever in it; a name taken from one of our packages may be a module too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            yield node.module or ""
            yield from (
                f"{node.module}.{alias.name}" for alias in node.names if f"{node.module}.{alias.name}" in _FILES
            )


def _package(module: str) -> str:
    return module.partition(".")[0]


def _distributions(trees: Iterator[ast.Module]) -> set[str]:
    """The third-party packages that the trees import, by the names they are installed by."""
    imported = {_package(module) for tree in trees for module in _imported(tree)}
    others = imported - sys.stdlib_module_names - _MAY_IMPORT.keys() - _OUTSIDE
    installed = packages_distributions()
    return {_normal(installed[package][0]) for package in others}


def _names(requirements: list[str]) -> set[str]:
    return {_normal(re.split(r"[<>=!~ \[;]", requirement)[0]) for requirement in requirements}


def _normal(name: str) -> str:
    """The one spelling of a package's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


@every_module
def test_imports_run_one_way(module: str) -> None:
    allowed = _MAY_IMPORT[_package(module)] | ({"workers"} if module in (_WEB_ROOT, _DOCTOR_ROOT) else set())
    ours = {imported for imported in _imported(_TREES[module]) if _package(imported) in {*_MAY_IMPORT, *_OUTSIDE}}
    assert {_package(imported) for imported in ours} <= allowed


@every_module
def test_a_root_is_imported_only_by_what_starts_it(module: str) -> None:
    roots = {imported for imported in _imported(_TREES[module]) if imported in _CALLERS}
    assert all(module in _CALLERS[root] for root in roots)


def test_no_import_leads_back_to_where_it_came_from() -> None:
    graph = {name: {each for each in _imported(tree) if each in _FILES} for name, tree in _TREES.items()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(_FILES)


@every_module
def test_every_module_opens_with_a_sentence_that_says_what_it_does(module: str) -> None:
    docstring = ast.get_docstring(_TREES[module]) or ""
    sentence = docstring.partition("\n\n")[0]
    assert sentence.endswith(".")
    assert len(sentence.split()) > 2 or module.endswith("__main__")


@pytest.mark.parametrize("module", [name for name, path in _FILES.items() if path.name == "__init__.py"])
def test_a_package_s_own_module_is_a_docstring_and_nothing_else(module: str) -> None:
    (only,) = _TREES[module].body
    assert isinstance(only, ast.Expr)


def test_every_folder_of_modules_is_a_package() -> None:
    assert all((path.parent / "__init__.py").is_file() for path in _FILES.values())


@pytest.mark.slow
def test_importing_opens_nothing_reads_no_environment_starts_no_thread_and_configures_no_logging() -> None:
    names = [name for name in _FILES if name != _WORKER_ROOT]
    probe = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-m", "tests.fixtures.import_probe", *names],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (probe.returncode, probe.stdout, probe.stderr) == (0, "", "")


@pytest.mark.slow
def test_what_is_imported_is_listed_as_a_dependency() -> None:
    assert _distributions(iter(_TREES.values())) <= _names(_PYPROJECT["project"]["dependencies"])


def test_what_is_listed_as_a_dependency_is_imported() -> None:
    assert _names(_PYPROJECT["project"]["dependencies"]) <= _distributions(iter(_TREES.values()))


@pytest.mark.slow
def test_what_the_tests_import_is_listed_too() -> None:
    trees = (ast.parse(path.read_text()) for path in (_ROOT / "tests").rglob("*.py"))
    listed = _PYPROJECT["project"]["dependencies"] + _PYPROJECT["dependency-groups"]["dev"]
    assert _distributions(trees) <= _names(listed)


@pytest.mark.parametrize("dependency", sorted(_names(_PYPROJECT["project"]["dependencies"])))
def test_the_design_says_why_a_dependency_is_there(dependency: str) -> None:
    assert re.search(rf"^\| {re.escape(dependency)} \| \S.+ \|$", (_ROOT / "docs/design.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("dependency", sorted(_names(_PYPROJECT["dependency-groups"]["dev"])))
def test_the_design_names_the_tools_too(dependency: str) -> None:
    assert re.search(rf"(?<![\w-]){re.escape(dependency)}(?![\w-])", (_ROOT / "docs/design.md").read_text())
