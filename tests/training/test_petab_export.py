"""PEtab files of a fit: they pass PEtab's own checks and read back as the same problem."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from converters.training.binding import bind
from converters.training.petab import read_petab
from converters.training.petab_export import with_values, write_petab
from converters.training.petab_formula import petab_formula
from converters.training.predictions import predictions
from icrn_core.noise import noise_terms
from icrn_io.errors import ModelIOError
from icrn_io.expression import symbol
from icrn_io.formula import read_formula

petab = pytest.importorskip("petab.v1")
pytestmark = pytest.mark.filterwarnings("ignore:The .* is deprecated")

TABLE = (
    "# a comment\r\nparameterId\tname\tnominalValue\testimate\r\n"
    'k2\tsecond ""\t1e-1\t1\r\nk1\t\t0.30\t1\r\n\r\nfixed\tx\t5.00\t0\r\n'
)


@pytest.fixture(scope="module")
def exported(report_fit, tmp_path_factory):
    return write_petab(report_fit, tmp_path_factory.mktemp("petab") / "out")


def passes_lint(path) -> bool:
    return not petab.lint_problem(petab.Problem.from_yaml(str(path)))


def likelihood(bound) -> float:
    at = predictions(bound, bound.nominal)
    data = bound.objective.data
    z = data.values - at.residuals * at.sigma
    return float(noise_terms(data, z, np.log(at.sigma)).sum())


def test_a_problem_made_by_hand_passes_lint_and_has_the_same_likelihood(exported, report_fit):
    assert passes_lint(exported)
    again = read_petab(str(exported))
    assert {p.id: p.value for p in again.fitted} == report_fit.values
    assert likelihood(bind(again)) == pytest.approx(report_fit.likelihood, rel=1e-9)


def test_files_that_were_read_are_copied_and_only_values_change(exported, report_fit, tmp_path):
    values = {name: 2 * x for name, x in report_fit.values.items()}
    theta = report_fit.theta + np.log10(2)
    moved = [replace_start(report_fit.starts[0], theta), *report_fit.starts[1:]]
    problem = read_petab(str(exported))
    other = replace(report_fit, bound=replace(report_fit.bound, problem=problem), starts=tuple(moved))
    path = write_petab(other, tmp_path / "copy")
    assert passes_lint(path)
    for file in exported.parent.glob("*_chain.*"):
        is_same = (path.parent / file.name).read_bytes() == file.read_bytes()
        assert is_same == (not file.name.startswith("parameters"))
    again = {p.id: p.value for p in read_petab(str(path)).fitted}
    assert again == pytest.approx(values)


def replace_start(start, theta):
    from icrn_core.multistart import Start

    return Start(start.number, theta, theta, start.loss, best=theta, best_loss=start.best_loss)


def test_a_table_keeps_everything_but_the_values():
    changed = with_values(TABLE.encode(), {"k1": 0.1, "absent": 3.0}).decode()
    assert changed == TABLE.replace("0.30", "0.1")


def test_a_table_without_the_column_gets_it():
    changed = with_values(b"parameterId\testimate\nk1\t1\nk2\t0\n", {"k1": 0.5})
    assert changed == b"parameterId\testimate\tnominalValue\nk1\t1\t0.5\nk2\t0\t\n"


def test_a_folder_with_other_files_is_refused_and_an_earlier_export_replaced(report_fit, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "mine.txt").write_text("keep")
    with pytest.raises(ModelIOError, match=r"mine\.txt"):
        write_petab(report_fit, folder)
    assert [p.name for p in folder.iterdir()] == ["mine.txt"]
    (folder / "mine.txt").unlink()
    write_petab(report_fit, folder)
    renamed = replace(report_fit.bound.problem, name="other")
    write_petab(replace(report_fit, bound=replace(report_fit.bound, problem=renamed)), folder)
    assert not list(folder.glob("*_chain.*")) and (folder / "other.yaml").exists()


@pytest.mark.parametrize(
    "text",
    [
        "a + b*c",
        "-(a - b)/c^2",
        "log10(a)*ln(b) + log2(c)",
        "sqrt(a) + exp(-b)",
        "piecewise(a, b < c && a > 1e-3, -2)",
        "max(a, max(b, 0.1))",
        "a^(b^c)",
        "(a^b)^c",
    ],
)
def test_formulas_read_back_and_mean_the_same_to_petab(text):
    from petab.v1.math import sympify_petab

    names = {name: symbol(name) for name in "abc"}
    formula = petab_formula(read_formula(text, names, "test"))
    at = dict(zip("abc", (0.7, 1.9, 2.3), strict=True))
    twice = petab_formula(read_formula(formula, names, "test"))
    values = [float(_at(sympify_petab(f), at)) for f in (text, formula, twice)]
    assert values[1:] == pytest.approx(values[:1] * 2)


def test_what_petab_takes_two_of_is_nested():
    names = {name: symbol(name) for name in "abc"}
    assert petab_formula(read_formula("max(a, b, c)", names, "test")) == "max(max(a, b), c)"


def _at(expression, at):
    return expression.subs({s: at[s.name] for s in expression.free_symbols}).evalf()
