"""Models of one structure share one compiled program, whatever their names and values."""

from __future__ import annotations

import re

import numpy as np
import pytest

from converters import fold_network, profiled, run_time_course
from converters.engines import programs
from converters.profiling import span
from icrn_core import ICRN, BaseSpecies, IcrnError, IndexedReaction, Placement, RateLaw, Reference, Term
from icrn_core.icrn import IndexDomain
from icrn_io import ModelIOError, read_model

MODEL = """
model chain
  compartment c = 2; species A in c, B in c, C in c; A = 3; B = 0; C = 1
  J1: A -> B; c*k1*A; k1 = 0.7
  J2: B -> C; c*Vmax*B/(Km + B); Vmax = 0.5; Km = 2
  total := A + B + C
end
"""
# In the same natural order: labels of an index set are sorted by it.
OTHER_NAMES = {
    "A": "Alpha",
    "B": "Beta",
    "C": "Gamma",
    "k1": "ka",
    "Vmax": "Vz",
    "Km": "Kz",
    "total": "all_of",
}
TIMES = np.linspace(0.0, 5.0, 11)


def renamed(text: str) -> str:
    return re.sub(r"\w+", lambda word: OTHER_NAMES.get(word[0], word[0]), text)


@pytest.fixture
def compiled(monkeypatch):
    """Programs compiled from here on; none are there at the start."""
    made = []

    def watched(given, method):
        made.append(method)
        return program(given, method)

    program = programs._program
    monkeypatch.setattr(programs, "_program", watched)
    for kept in ("_structures", "_programs"):
        monkeypatch.setattr(programs, kept, programs._Recent())
    return made


def test_other_names_and_values_compile_nothing(compiled) -> None:
    first = run_time_course(read_model(MODEL), TIMES)
    second = run_time_course(read_model(renamed(MODEL)), TIMES)
    third = run_time_course(read_model(MODEL.replace("0.7", "0.3")), TIMES)
    assert len(compiled) == 1
    for name, other in OTHER_NAMES.items():
        ours, theirs = ({**course.values, **course.amounts} for course in (first, second))
        np.testing.assert_allclose(theirs[other], ours[name], rtol=1e-7)
    np.testing.assert_allclose(third.amounts["A"], 6.0 * np.exp(-0.3 * TIMES), rtol=1e-6)
    np.testing.assert_allclose(first.values["total"], 4.0, rtol=1e-9)


OTHER_LAW = MODEL.replace("Vmax*B/(Km + B)", "Vmax*B^2/(Km + B)")


def test_another_law_is_another_program_and_other_coefficients_are_not(compiled) -> None:
    run_time_course(read_model(MODEL), TIMES)
    run_time_course(read_model(OTHER_LAW), TIMES)
    assert len(compiled) == 2
    doubled = run_time_course(read_model(MODEL.replace("A -> B", "2 A -> B")), TIMES)
    assert len(compiled) == 2
    np.testing.assert_allclose(doubled.amounts["A"], 6.0 * np.exp(-1.4 * TIMES), rtol=1e-6)


def test_other_numbers_of_times_compile_nothing(compiled) -> None:
    folding = fold_network(read_model(MODEL))
    runs = [run_time_course(folding, np.linspace(0.0, 5.0, n)) for n in (1, 9, 16)]
    assert len(compiled) == 1
    assert [len(run.amounts["A"]) for run in runs] == [1, 9, 16]
    for run in runs:
        np.testing.assert_allclose(run.amounts["A"], 6.0 * np.exp(-0.7 * run.times), rtol=1e-6)
        assert {len(series) for series in run.values.values()} == {len(run.times)}


def test_only_what_was_used_last_is_kept(compiled, monkeypatch) -> None:
    monkeypatch.setattr(programs, "_KEPT", 2)
    texts = [MODEL, OTHER_LAW, MODEL.replace("total := A + B", "total := A * B")]
    for text in (*texts, texts[2], texts[0]):
        run_time_course(read_model(text), TIMES)
    assert len(programs._programs) == len(programs._structures) == 2
    assert len(compiled) == 4


def test_quick_compilation_gives_the_same_course(compiled) -> None:
    network = read_model(MODEL)
    full, quick = (run_time_course(network, TIMES, effort=effort) for effort in ("full", "quick"))
    assert [method.is_quick for method in compiled] == [False, True]
    for name, series in full.amounts.items():
        np.testing.assert_allclose(quick.amounts[name], series, rtol=1e-7)
    with pytest.raises(ModelIOError, match="effort"):
        run_time_course(network, TIMES, effort="little")


def test_compilers_without_the_options_still_compile(compiled, monkeypatch) -> None:
    monkeypatch.setattr(programs, "_FULL", {"xla_no_such_option": True})
    course = run_time_course(read_model(MODEL), TIMES)
    np.testing.assert_allclose(course.amounts["A"], 6.0 * np.exp(-0.7 * TIMES), rtol=1e-6)


def test_what_cannot_be_compiled_is_told_in_the_names_of_the_user() -> None:
    law, domain = RateLaw(("slot", 0)), IndexDomain()
    species = (
        BaseSpecies("factor"),
        BaseSpecies("mass", conversion_factor=Placement("factor")),
    )
    reactions = tuple(
        IndexedReaction(name, domain, (), (Term(Reference(name)),), law, (Reference(name),))
        for name in ("factor", "mass")
    )
    with pytest.raises(IcrnError, match="'factor' of base species 'mass'"):
        programs.shared_dynamics(ICRN(species, reactions=reactions))


def test_a_profile_holds_every_second_once(compiled) -> None:
    with profiled() as profile:
        run_time_course(read_model(MODEL), TIMES)
        with span("outer"), span("inner"):
            pass
    assert {"fold", "plan", "trace", "compile", "run", "observe", "outer", "inner", "other"} <= set(
        profile.rows
    )
    assert all(row.wall >= 0 and row.cpu >= 0 for row in profile.rows.values())
    assert profile.rows["outer"].wall < profile.rows["compile"].wall
    lines = profile.table().splitlines()
    assert [line.split()[0] for line in lines[-2:]] == ["other", "total"]
    assert float(lines[-1].split()[1]) == pytest.approx(sum(r.wall for r in profile.rows.values()), abs=1e-3)


def test_spans_cost_nothing_where_nothing_measures() -> None:
    assert span("one") is span("two")
    with profiled() as profile:
        assert span("one") is not span("two")
    assert list(profile.rows) == ["other"]
