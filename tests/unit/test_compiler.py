"""The native kernel where compilers are missing, broken or of another make, and where it is kept."""

import ctypes
import os
import stat
import subprocess
import sys

import jax
import numpy as np
import optax
import pytest

import spiralsink as sk
from spiralsink import _machine
from spiralsink._machine import cache_folder, own_folder
from spiralsink.training import _compiler, _kernel

KEY = jax.random.key(0)
OBJECTIVE = sk.SampledLoss(batch_size=8, horizon=6, n_evaluation=20)
SIZES = {"N_FEATURES": 1, "N_HIDDEN": 3, "N_OUTPUTS": 1, "RECURRENCE": 0, "READOUT": 0}
needs_compiler = pytest.mark.skipif(_compiler.find_compiler() is None, reason="there is no C++ compiler")


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """An empty cache; nothing that this process has loaded counts."""
    monkeypatch.setenv("SPIRALSINK_CACHE", str(tmp_path / "cache"))
    for remembered in (_kernel._load, _compiler._version):
        remembered.cache_clear()
    yield tmp_path / "cache"
    _kernel._load.cache_clear()
    _compiler._version.cache_clear()


def fit(engine, **kinds):
    network = sk.RecurrentNetwork.init(KEY, stack=2, **kinds)
    process = sk.SparseProcess(network.n_features, 0.5)
    return sk.fit(network, sk.Delay(1), process, key=KEY, steps=3, objective=OBJECTIVE, engine=engine)


def script(path, text):
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@needs_compiler
def test_built_once_and_kept(fresh, monkeypatch):
    fit(sk.Native(1))
    (library,) = (fresh / "kernels").glob("*.so")
    built = library.stat().st_mtime_ns
    _kernel._load.cache_clear()
    monkeypatch.setattr(_compiler, "_run", lambda command: pytest.fail("compiled again"))
    fit(sk.Native(1))
    assert library.stat().st_mtime_ns == built
    assert [path.name for path in (fresh / "kernels").iterdir()] == [library.name]
    assert (fresh / "kernels").stat().st_mode & 0o077 == 0


@needs_compiler
def test_a_library_that_was_cut_short_is_built_again(fresh):
    library = _compiler.build({**SIZES, "TIED": 0, "LEAKY": 0, "BIAS_H": 0, "BIAS_Y": 0})
    library.write_bytes(library.read_bytes()[:100])
    assert fit(sk.Native(1), n_hidden=3, readout="linear").engine == "native kernel, 1 thread"
    (library,) = (fresh / "kernels").iterdir()
    assert library.stat().st_size > 1000


@needs_compiler
def test_a_library_of_which_a_byte_is_not_what_was_compiled_is_built_again(fresh):
    """Such as half of it, after the machine went down: that loads, and ends the process where a page is missing."""
    macros = {**SIZES, "TIED": 0, "LEAKY": 0, "BIAS_H": 0, "BIAS_Y": 0}
    library = _compiler.build(macros)
    whole = library.read_bytes()
    for broken in (whole[:-5000], whole[:5000] + b"?" + whole[5001:]):
        library.write_bytes(broken)
        assert _compiler.build(macros).read_bytes() == whole


def test_what_cannot_be_kept_is_no_kernel(fresh, monkeypatch):
    folder = own_folder("kernels")
    monkeypatch.setattr(_compiler, "_run", lambda command: open(command[-1], "w").close())
    monkeypatch.setattr(_compiler, "find_compiler", lambda: ["c++"])
    library = _compiler.build(SIZES)
    library.unlink()
    library.mkdir()
    with pytest.raises(_compiler.NoKernel, match=r"no place for compiled code: .*[Ii]s a directory"):
        _compiler.build(SIZES)

    def full(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", full)
    with pytest.raises(_compiler.NoKernel, match=r"no place for compiled code: .*No space left"):
        _compiler.build(SIZES)
    assert [path.name for path in folder.iterdir()] == [library.name]


@pytest.mark.skipif(os.name != "posix", reason="scripts of POSIX")
def test_compilers_that_answer_in_strange_ways(fresh, monkeypatch, tmp_path):
    odd = script(tmp_path / "odd", "#!/bin/sh\nprintf '\\377\\376 v1'\n")
    assert _compiler._version((odd,)) == "\ufffd\ufffd v1"
    found = _compiler.find_compiler()
    monkeypatch.setenv("CXX", 'g++ "')
    assert _compiler.find_compiler() == found


def test_a_reason_that_is_kept_holds_on_to_nothing(fresh, monkeypatch):
    monkeypatch.setattr(_compiler, "find_compiler", lambda: None)
    errors = []
    for _ in range(2):
        with pytest.raises(_compiler.NoKernel) as caught:
            _kernel.load_kernel(sk.RecurrentNetwork.init(KEY))
        errors.append(caught.value)
    assert str(errors[0]) == str(errors[1])
    assert errors[0] is not errors[1]


@needs_compiler
@pytest.mark.parametrize("text", ["long job_size() { return 8; }", "long something() { return 8; }"])
def test_a_library_that_reads_jobs_in_another_way_is_built_again(text, fresh, tmp_path):
    library = _compiler.build({**SIZES, "TIED": 0, "LEAKY": 0, "BIAS_H": 0, "BIAS_Y": 0})
    (tmp_path / "other.cpp").write_text(f'extern "C" {{ {text} }}')
    command = [*(_compiler.find_compiler() or []), "-shared", "-fPIC", str(tmp_path / "other.cpp"), "-o", str(library)]
    library.unlink()
    subprocess.run(command, check=True)
    name = library.name.partition("-")[0]
    library.rename(library.with_name(_compiler._named(name, library.read_bytes())))
    assert fit(sk.Native(1), n_hidden=3, readout="linear").engine == "native kernel, 1 thread"
    (library,) = (fresh / "kernels").iterdir()
    assert b"scratch_bytes" in library.read_bytes()


@needs_compiler
def test_where_jobs_are_laid_out_in_another_way_xla_trains(fresh, monkeypatch):
    class Job(_kernel._Job):
        _fields_ = (("more", ctypes.c_int64),)

    monkeypatch.setattr(_kernel, "_Job", Job)
    with pytest.raises(sk.NotCovered, match=r"cannot be loaded: its jobs have \d+ bytes, ours \d+"):
        fit(sk.Native(1), n_hidden=3, readout="linear")
    assert fit(sk.Automatic(), n_hidden=3, readout="linear").engine.startswith("XLA, batched (not native: what was")


def test_without_a_compiler(fresh, monkeypatch):
    monkeypatch.setattr(_compiler, "find_compiler", lambda: None)
    assert fit(sk.Automatic()).engine.startswith("XLA, batched (not native: no C++ compiler was found")
    with pytest.raises(sk.NotCovered, match=r"engine must be Automatic\(\).*got Native \(no C\+\+ compiler was found"):
        fit(sk.Native())


def test_a_compiler_that_fails_is_named_with_its_first_complaint(fresh, monkeypatch, tmp_path):
    broken = script(
        tmp_path / "broken", "#!/bin/sh\necho 'note: x' >&2\necho 'kernel.cpp:1: error: no such luck' >&2\nexit 1\n"
    )
    monkeypatch.setenv("CXX", broken)
    assert _compiler.find_compiler() == [broken]
    assert fit(sk.Automatic()).engine.startswith(f"XLA, batched (not native: {broken} failed: ")
    with pytest.raises(sk.NotCovered, match=r"got Native \(.*broken failed: kernel.cpp:1: error: no such luck\)"):
        fit(sk.Native())
    assert not any((fresh / "kernels").iterdir())
    monkeypatch.setattr(_compiler, "_run", lambda command: pytest.fail("asked again"))
    fit(sk.Automatic())


@pytest.mark.skipif(os.name != "posix", reason="paths of POSIX")
def test_which_compiler(monkeypatch, tmp_path):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(_compiler.importlib.util, "find_spec", lambda name: object())
    assert _compiler.find_compiler() == [sys.executable, "-m", "ziglang", "c++"]
    found = script(tmp_path / "g++", "#!/bin/sh\n")
    assert _compiler.find_compiler() == [found]
    monkeypatch.setenv("CXX", "not-there -O1")
    assert _compiler.find_compiler() == [found]
    monkeypatch.setenv("CXX", f"{found} -O1")
    assert _compiler.find_compiler() == [found, "-O1"]


@needs_compiler
def test_a_folder_that_cannot_be_written(fresh, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPIRALSINK_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    assert fit(sk.Native(1)).engine == "native kernel, 1 thread"
    assert list(tmp_path.glob("spiralsink-*/kernels/*.so"))


@pytest.fixture
def homeless(monkeypatch, tmp_path):
    """No home: the temporary folder, shared with others, is all there is."""
    monkeypatch.delenv("SPIRALSINK_CACHE", raising=False)
    monkeypatch.setattr(_machine, "cache_folder", _machine._shared_folder)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    return tmp_path / f"spiralsink-{os.getuid()}"


@pytest.mark.skipif(os.name != "posix", reason="owners of POSIX")
@pytest.mark.parametrize("name", ["kernels", "xla"])
def test_a_shared_temporary_folder_is_used_if_no_one_else_can_write_there(name, homeless):
    assert own_folder(name) == homeless / name
    assert own_folder(name) == homeless / name
    for folder in (homeless, homeless / name):
        assert folder.stat().st_mode & 0o777 == 0o700
        folder.chmod(0o770)
        assert own_folder(name) is None
        folder.chmod(0o700)


@pytest.mark.skipif(os.name != "posix", reason="owners of POSIX")
def test_folders_that_others_made_or_that_lead_elsewhere_are_not_used(homeless, monkeypatch, tmp_path):
    (tmp_path / "elsewhere" / "kernels").mkdir(parents=True)
    homeless.symlink_to(tmp_path / "elsewhere")
    assert own_folder("kernels") is None
    homeless.unlink()
    homeless.mkdir(mode=0o700)
    (homeless / "kernels").symlink_to(tmp_path / "elsewhere" / "kernels")
    assert own_folder("kernels") is None
    (homeless / "kernels").unlink()
    assert own_folder("kernels") is not None
    uid = os.getuid()
    monkeypatch.setattr(_machine, "_shared_folder", lambda: homeless)
    monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    assert own_folder("kernels") is None
    with pytest.raises(_compiler.NoKernel, match="no folder for compiled code"):
        _compiler.build(SIZES)


@needs_compiler
def test_kernels_used_longest_ago_are_removed(fresh, monkeypatch):
    monkeypatch.setattr(_compiler, "_run", lambda command: open(command[-1], "w").close())
    first, second = (_compiler.build({**SIZES, "N_HIDDEN": n}) for n in (1, 2))
    folder, day = first.parent, 86_400
    now = first.stat().st_mtime
    old = [folder / f"{n}.so" for n in range(_compiler._MOST_KEPT)]
    for age, path in enumerate([*old, first, folder / "x.unfinished"], 2):
        path.touch()
        os.utime(path, (now - age * day, now))
    _compiler.build({**SIZES, "N_HIDDEN": 1})  # in use again
    _compiler.build({**SIZES, "N_HIDDEN": 3})
    left = {path.name for path in folder.iterdir()}
    assert len(left) == _compiler._MOST_KEPT
    assert {first.name, second.name, *(path.name for path in old[:-3])} < left
    for path in folder.iterdir():  # all of today
        os.utime(path, (now, now))
    _compiler.build({**SIZES, "N_HIDDEN": 4})
    assert len(list(folder.iterdir())) == _compiler._MOST_KEPT + 1


def test_folders(monkeypatch, tmp_path):
    monkeypatch.delenv("SPIRALSINK_CACHE", raising=False)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "spiralsink"
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    assert cache_folder().parts[-3:] == ("Library", "Caches", "spiralsink")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"objective": sk.SampledLoss(state_noise=0.1)}, "there is noise on the states"),
        ({"objective": sk.Penalised(sk.SampledLoss())}, "not a SampledLoss without penalty"),
        ({"process": sk.SparseProcess(1, 1e-7)}, "inputs do not come from one random word each"),
        ({"process": sk.SparseProcess(1, 0.5, sk.Exponential())}, "an amplitude is neither uniform nor constant"),
    ],
)
def test_what_it_does_not_cover(changes, reason):
    network = sk.RecurrentNetwork.init(KEY, stack=2, recurrence="relu")
    given = {"process": sk.SparseProcess(1, 0.5), "key": KEY, "steps": 1, "objective": OBJECTIVE, **changes}
    with pytest.raises(sk.NotCovered, match=reason):
        sk.fit(network, sk.Delay(1), engine=sk.Native(), **given)
    with pytest.raises(sk.NotCovered, match="the optimizer is not our Adam"):
        sk.fit(network, sk.Delay(1), engine=sk.Native(), **(given | {"optimizer": optax.sgd(0.1)}))


def test_engines_that_are_none():
    with pytest.raises(sk.InvalidInput, match=r"engine must be Automatic\(\), Native\(\)"):
        fit("native")
    with pytest.raises(sk.InvalidInput, match="threads must be a whole number >= 1, got 0"):
        sk.Native(0)
    network, rates = sk.RecurrentNetwork.init(KEY, stack=2), sk.Adam(np.array([0.1, 0.2, 0.3]))
    with pytest.raises(sk.InvalidInput, match=r"learning_rate must be a number, or of the shape \(2,\) of the stack"):
        sk.fit(network, sk.Delay(1), sk.SparseProcess(1, 0.5), key=KEY, steps=1, objective=OBJECTIVE, optimizer=rates)
    for wrong in (0.0, np.inf, "0.1", [0.1, -1.0], [], True):
        with pytest.raises(sk.InvalidInput, match="learning_rate must be a finite number > 0"):
            sk.Adam(wrong)
