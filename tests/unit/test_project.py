"""The project's own rules: layers, light imports, sizes, declared dependencies, docstrings, the README."""

import ast
import dataclasses
import importlib
import importlib.metadata
import inspect
import re
import subprocess
import sys
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

import spiralsink

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "spiralsink"
FILES = sorted(SOURCE.rglob("*.py"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
OPTIONAL = ("matplotlib", "plotly", "xarray", "pandas", "pyarrow", "zarr", "torch", "dask", "distributed", "rich")
HEAVY = ("jax", "jaxlib", "numpy", "scipy", "equinox", "optax", *OPTIONAL)


@dataclasses.dataclass(frozen=True)
class Import:
    """One import: the module in full, the names taken from it, its line."""

    module: str
    names: tuple[str, ...]
    line: int


def find_imports(tree: ast.Module, package: tuple[str, ...]) -> Iterator[Import]:
    """Every import of a module, also inside functions, but not those for type checkers only."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, (), node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield Import(module, tuple(alias.name for alias in node.names), node.lineno)
        pending += ast.iter_child_nodes(node)


def imports_of(path: Path, code: str | None = None) -> list[Import]:
    package = ("spiralsink", *path.relative_to(SOURCE).parts[:-1])
    return list(find_imports(ast.parse(path.read_text() if code is None else code), package))


def layer_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def read_layers() -> dict[str, int]:
    """The table of CONTRIBUTING.md: top-level module -> row, from low to high."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text[text.index("<!-- layers: begin -->") : text.index("<!-- layers: end -->")]
    rows = [line.split("|")[2] for line in table.splitlines() if re.match(r"\| *\d", line)]
    return {name: row for row, cell in enumerate(rows) for name in re.findall(r"`(\w+)`", cell)}


LAYERS = read_layers() | {"__init__": 0}


def layer_errors(path: Path, code: str | None = None) -> list[str]:
    """Imports that come neither from a lower layer nor from the module's own folder."""
    own, errors = layer_of(path), []
    for each in imports_of(path, code):
        package, _, module = each.module.partition(".")
        if package != "spiralsink":
            continue
        for target in [module.partition(".")[0]] if module else each.names or ("the package itself",):
            lower = LAYERS.get(target, len(LAYERS)) < LAYERS[own]
            if not (target in (own, "__version__") or lower or (own, target) == ("__init__", "_version")):
                errors.append(f"{path.relative_to(SOURCE)}:{each.line} imports {target}")
    return errors


def test_every_module_has_a_layer():
    assert {layer_of(path) for path in FILES} <= set(LAYERS)


def test_imports_come_from_lower_layers():
    assert [error for path in FILES for error in layer_errors(path)] == []


@pytest.mark.parametrize(
    ("where", "code", "wrong"),
    [
        ("networks.py", "from . import verbs", True),
        ("networks.py", "def f():\n    from .verbs import optimum", True),
        ("networks.py", "import spiralsink", True),
        ("networks.py", "import spiralsink.verbs as v", True),
        ("networks.py", "from spiralsink.tasks import Delay", True),
        ("theory/_linear.py", "from ..geometry import measure_network", True),
        (
            "theory/_linear.py",
            "from ._terms import LossTerms\nfrom ..tasks import Delay\nfrom .. import networks",
            False,
        ),
        ("networks.py", "if TYPE_CHECKING:\n    from .verbs import optimum", False),
    ],
)
def test_the_layer_test_sees_what_it_should(where, code, wrong):
    assert bool(layer_errors(SOURCE / where, code)) == wrong


def loaded_after(code: str) -> set[str]:
    code = f"import sys\n{code}\nprint(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(found.stdout.split())


def test_importing_the_package_is_light():
    assert loaded_after("import spiralsink") & set(HEAVY) == set()


def test_public_names_load_no_optional_package():
    code = "import spiralsink as sk\nfor name in sk.__all__ + list(sk._SUBPACKAGES):\n    getattr(sk, name)"
    assert loaded_after(code) & set(OPTIONAL) == set()


def test_public_names_resolve():
    for name in spiralsink.__all__:
        assert getattr(spiralsink, name) is not None
    for name in spiralsink._SUBPACKAGES:
        assert inspect.ismodule(getattr(spiralsink, name))
    with pytest.raises(AttributeError, match="no_such_name"):
        spiralsink.no_such_name  # noqa: B018


def test_editors_see_the_same_public_names():
    tree = ast.parse((SOURCE / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    shown = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    shown_names = {(node.module, alias.asname) for node in shown for alias in node.names}
    assert shown_names == {(module, name) for module, names in spiralsink._PUBLIC.items() for name in names}


def test_files_are_short():
    lines = {str(path.relative_to(SOURCE)): len(path.read_text().splitlines()) for path in FILES}
    assert {name: count for name, count in lines.items() if count > 400} == {}


def unsafe_calls(path: Path) -> Iterator[str]:
    for each in imports_of(path):
        if each.module.partition(".")[0] in {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}:
            yield f"{path.name}:{each.line} imports {each.module}"
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called, options = ast.unparse(node.func), {each.arg: ast.unparse(each.value) for each in node.keywords}
            if (
                called in ("eval", "exec", "compile", "__import__", "joblib.load")
                or options.get("allow_pickle", "False") != "False"
            ):
                yield f"{path.name}:{node.lineno} {ast.unparse(node)}"
            if called == "torch.load" and options.get("weights_only") != "True":
                yield f"{path.name}:{node.lineno} {ast.unparse(node)}"


def test_nothing_that_is_read_is_executed():
    assert [each for path in FILES for each in unsafe_calls(path)] == []


def test_imports_are_declared():
    project = PYPROJECT["project"]
    extras = [
        each
        for name, group in project["optional-dependencies"].items()
        if name not in ("test", "docs")
        for each in group
    ]
    declared = {re.split(r"[\[<>=]", each)[0].lower() for each in [*project["dependencies"], *extras]}
    others = {"distributed": "dask", "scikit-learn": "sklearn"}
    declared |= {module for package, module in others.items() if package in declared}
    used = {each.module.partition(".")[0] for path in FILES for each in imports_of(path)}
    assert used - set(sys.stdlib_module_names) - declared == {"spiralsink"}


def test_versions_agree():
    version = spiralsink.__version__
    assert importlib.metadata.version("spiralsink") == version
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in changelog or f"## [{version}]" in changelog


def public_callables() -> dict[str, typing.Any]:
    values = {name: getattr(spiralsink, name) for name in spiralsink.__all__}
    for package in spiralsink._SUBPACKAGES:
        module = importlib.import_module(f"spiralsink.{package}")
        values |= {f"{package}.{name}": each for name, each in vars(module).items() if not name.startswith("_")}
    return {name: each for name, each in values.items() if inspect.isfunction(each) or inspect.isclass(each)}


def missing_from_docstring(value: typing.Any) -> set[str]:
    text = inspect.getdoc(value) or ""
    documented = set(re.findall(r"^ +\*{0,2}(\w+):", text, flags=re.MULTILINE))
    if inspect.isclass(value) and dataclasses.is_dataclass(value):
        names = {each.name for each in dataclasses.fields(value)}
    elif inspect.isclass(value):
        names = set()
    else:
        names = set(inspect.signature(value).parameters)
    missing = {name for name in names if not name.startswith("_")} - documented
    return missing | (set() if text else {"a docstring"})


def test_public_names_are_documented():
    """Functions: every argument. Records: every field."""
    missing = {name: missing_from_docstring(each) for name, each in public_callables().items()}
    assert {name: what for name, what in missing.items() if what} == {}


def test_the_reference_has_every_public_name():
    text = (ROOT / "docs" / "reference.md").read_text()
    groups = {name for line in re.findall(r"{public-names} (.*)", text) for name in line.split()}
    assert groups == set(spiralsink._PUBLIC) | {f"spiralsink.{name}" for name in spiralsink._SUBPACKAGES}


def test_no_path_of_a_machine_is_written_down():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    pattern = re.compile(r"(^|[\s\"'`(=])/(home|root|Users|work)/\w", flags=re.MULTILINE)
    files = [ROOT / name for name in listed.splitlines()] or FILES
    text = [path for path in files if path.suffix in {"", ".py", ".md", ".toml", ".json", ".cff", ".sh"}]
    assert [str(path) for path in text if path.is_file() and pattern.search(path.read_text())] == []
