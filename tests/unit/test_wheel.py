"""The wheel, in an environment that has nothing of this checkout."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import spiralsink

ROOT = Path(__file__).parents[2]


def run(*command, **options):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(each) for each in command], capture_output=True, text=True, check=False, env=environment, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """An environment with the wheel; its dependencies are lent by this one, without the editable checkout.

    A path in a .pth file is searched after the environment's own packages, and .pth files found there (such as the
    one of an editable install) are not read.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=folder)
    own = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"))
    (own / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    source = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    assert source | {"spiralsink/py.typed"} <= set(names)
    assert {name.partition("/")[0] for name in names} == {
        "spiralsink",
        f"spiralsink-{spiralsink.__version__}.dist-info",
    }
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_it_is_the_wheel_that_is_imported(python, tmp_path):
    where = run(python, "-c", "import spiralsink; print(spiralsink.__file__)", cwd=tmp_path)
    assert Path(where).is_relative_to(python.parents[1])


def test_the_command_says_its_version(python, tmp_path):
    version = run(python.parent / "spiralsink", "--version", cwd=tmp_path)
    assert spiralsink.__version__ in version
    assert run(python, "-m", "spiralsink", "--version", cwd=tmp_path) == version


def test_the_readme_examples_run(python, tmp_path):
    """One after the other, as a reader would type them."""
    examples = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert len(examples) == 3
    assert all(len(example.strip().splitlines()) <= 12 for example in examples)
    assert run(python, "-W", "error", "-c", "\n".join(examples), cwd=tmp_path)
