"""The README's commands and its Python example run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = re.findall(r"^```\n(python3 -m venv .*?)^```", README, flags=re.M | re.S)


def test_ci_runs_exactly_the_second_command() -> None:
    assert len(COMMANDS) == 2
    assert (ROOT / ".ci" / "run").read_text("utf-8").splitlines()[-1] == COMMANDS[1].strip()


@pytest.mark.smoke
def test_the_first_command_does_the_main_job(tmp_path) -> None:
    """What follows the installation runs, and prints the table of errors."""
    pytest.importorskip("roadrunner")
    pytest.importorskip("basico")
    scripts = sysconfig.get_path("scripts")
    if not Path(scripts, "icrn-import").exists():
        pytest.skip("the commands are not installed: pip install -e .")
    install, _, rest = COMMANDS[0].partition("&&\n")
    assert "pip install '.[validate]'" in install
    (tmp_path / "models").symlink_to(ROOT / "models")
    command = rest.replace(".venv/bin", scripts)
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "tellurium" in done.stdout
    assert "copasi" in done.stdout
    for name in ("dimerization.icrn", "dimerization.csv", "dimerization_exported.xml"):
        assert (tmp_path / name).stat().st_size > 0


@pytest.mark.smoke
def test_the_python_examples_run() -> None:
    """One after the other."""
    pytest.importorskip("roadrunner")
    pytest.importorskip("basico")
    examples = "\n".join(re.findall(r"^```python\n(.*?)^```", README, flags=re.M | re.S))
    done = subprocess.run([sys.executable, "-c", examples], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert "tellurium" in done.stdout
    assert done.stdout.endswith("(3, 101, 20, 20)\n")
