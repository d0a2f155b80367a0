"""The disk cache: programs outlive the process, and nothing fails where they cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from converters import cache

ROOT = Path(__file__).parents[2]
MODEL = "species A, B; A = 3; B = 0; J: A -> B; k*A; k = {k}\n"
OTHER = "species Y, Z; Y = 1; Z = 0; R: Y -> Z; c*Y; c = 2\n"
KEPT, FOUND = "compiled and kept on disk", "from the disk cache"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("decay.ant").write_text(MODEL.format(k=0.7))
    Path("other.ant").write_text(OTHER)
    return tmp_path


def start(model: str, *options: str, **variables: str) -> subprocess.Popen:
    code = "from converters.cli.simulate import main; main()"
    words = [sys.executable, "-c", code, model, "--end", "1", "--points", "3", "--profile", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ICRN_CACHE": "cache", **variables}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(words, env=environment, encoding="utf-8", **pipes)


def simulate(model: str, *options: str, **variables: str) -> tuple[str, str]:
    """Run the command; return standard output and standard error."""
    process = start(model, *options, **variables)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out, err


def entries() -> list[Path]:
    return list(Path("cache").rglob("*-cache"))


def test_a_program_serves_later_processes_and_models_of_its_structure(folder) -> None:
    first, told = simulate("decay.ant")
    assert KEPT in told
    assert FOUND not in told
    second, told = simulate("decay.ant")
    assert second == first
    assert FOUND in told
    assert KEPT not in told
    assert FOUND in simulate("other.ant")[1]
    assert first.startswith("time,A,B\n")


def test_processes_at_the_same_time_do_not_disturb_each_other(folder) -> None:
    processes = [start("decay.ant") for _ in range(3)]
    results = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], results
    assert len({out for out, _ in results}) == 1
    assert FOUND in simulate("decay.ant")[1]


def test_no_cache_leaves_no_trace(folder) -> None:
    plain, told = simulate("decay.ant", "--no-cache")
    assert KEPT not in told
    assert simulate("decay.ant", ICRN_CACHE="off")[0] == plain
    assert sorted(os.listdir()) == ["decay.ant", "other.ant"]


def test_a_folder_that_cannot_be_used_is_a_note(folder) -> None:
    out, told = simulate("decay.ant", ICRN_CACHE="decay.ant/cache")
    assert out == simulate("decay.ant", "--no-cache")[0]
    assert "note: compiled programs are not kept between runs" in told


def test_damaged_entries_are_compiled_again(folder) -> None:
    out, _ = simulate("decay.ant")
    for path in entries():
        path.write_bytes(path.read_bytes()[:100])
    again, told = simulate("decay.ant")
    assert again == out
    assert FOUND not in told


def test_the_cache_is_cut_down_to_what_was_used_last(folder) -> None:
    own = Path("cache", "programs-here")
    own.mkdir(parents=True)
    for age in range(10):
        path = own / f"jit_f-{age}-cache"
        path.write_bytes(bytes(100))
        os.utime(path, (1e9 - age, 1e9 - age))
    for foreign in (Path("cache", "mine"), own / "notes.txt", Path("cache", "mine-cache")):
        foreign.write_bytes(bytes(5000))
    cache._prune(Path("cache"), 1000)
    assert len(entries()) == 11
    cache._prune(Path("cache"), 999)
    assert sorted(path.name for path in own.iterdir()) == [
        *(f"jit_f-{age}-cache" for age in range(7)),
        "notes.txt",
    ]
    assert Path("cache", "mine-cache").exists()


FOLDERS = {
    "as told": ({"ICRN_CACHE": "/x/y", "XDG_CACHE_HOME": "/z"}, "/x/y"),
    "XDG": ({"XDG_CACHE_HOME": "/z"}, "/z/icrn"),
    "relative XDG": ({"XDG_CACHE_HOME": "z", "HOME": "/home/u"}, "/home/u/.cache/icrn"),
    "home": ({"HOME": "/home/u"}, "/home/u/.cache/icrn"),
}


@pytest.mark.skipif(sys.platform != "linux", reason="the convention of Linux")
@pytest.mark.parametrize("case", FOLDERS)
def test_the_folder_is_where_the_platform_has_it(case, monkeypatch) -> None:
    variables, expected = FOLDERS[case]
    for name in ("ICRN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache.default_folder() == Path(expected)


def test_the_library_switches_it_on_when_asked_to_only(folder) -> None:
    code = (
        "import jax, numpy, sys, converters, icrn_io\n"
        "names = [n for n in jax.config.values if 'cache' in n]\n"
        "state = lambda: {n: jax.config.values[n] for n in names}\n"
        "before = state()\n"
        "run = lambda t: converters.run_time_course(icrn_io.read_model(open(t).read()), [1.0])\n"
        "run('decay.ant'); assert state() == before\n"
        "assert converters.use_cache() is None and state() == before\n"
        "try: converters.use_cache('decay.ant/x')\n"
        "except OSError: assert state() == before\n"
        "else: sys.exit('no error')\n"
        "own = converters.use_cache('cache'); assert str(own) == jax.config.jax_compilation_cache_dir\n"
        "open('third.ant', 'w').write(open('decay.ant').read() + '; J2: B -> ; k*B*B')\n"
        "run('third.ant'); assert list(own.glob('jit_*-cache'))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ICRN_CACHE": "off"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
