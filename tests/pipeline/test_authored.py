"""Authored networks through everything that models go through."""

from __future__ import annotations

import numpy as np
import pytest

import converters
import icrn_io
from icrn_core.authoring import author, reaction
from icrn_core.notation import base_species, index_symbols, rate_constants
from icrn_io.errors import ModelIOError

TIMES = np.linspace(0.0, 1.0, 6)
TEXT = """
model circuit
  index p, q in P = {a, b, c}; index i in I = 0..1
  symmetric D[p,q]
  M[p] + M[q] -> D[p,q]; on[p,q]
  D[p,q] -> M[p] + M[q]; 0.3
  make: G[i] -> G[i] + M[p]; v[i] / 2
  decay: M[p] -> ; Vm*M[p]/(K + M[p]) for p != 1
  swap: 2 M[a] -> M[b] + M[c]; 0.2
  M = [1, 0.5, 0.25]; G = [1, 2]
  on = [[1, 2, 3], [2, 5, 6], [3, 6, 9]]
  v = [0.4, 0.8]; Vm = 1; K = 0.5
end
"""


@pytest.fixture(scope="module")
def authored(tmp_path_factory):
    path = tmp_path_factory.mktemp("authored") / "circuit.iant"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="module")
def course(authored):
    return converters.run_time_course(authored, TIMES, rtol=1e-9, atol=1e-12)


def test_enumerated_it_is_a_network_of_unordered_pairs(authored):
    from converters.models import as_folding

    folding = as_folding(authored)
    network = converters.enumerate_network(folding)
    assert [s.id for s in network.species] == [
        "M_a", "M_b", "M_c", "D_a_a", "D_a_b", "D_a_c", "D_b_b", "D_b_c", "D_c_c", "G_0", "G_1",
    ]  # fmt: skip
    assert len(network.reactions) == 6 + 6 + 6 + 2 + 1
    assert {"make_0_b", "decay_a", "swap"} <= {r.id for r in network.reactions}
    assert converters.enumerate_network(converters.fold_network(network)) == network


@pytest.mark.parametrize("engine", ["tellurium", "copasi"])
def test_simulators_agree(authored, course, engine):
    other = converters.run_time_course(authored, TIMES, engine=engine, rtol=1e-10, atol=1e-13)
    for species, series in course.amounts.items():
        np.testing.assert_allclose(other.amounts[species], series, rtol=1e-6, atol=1e-9, err_msg=species)


def test_saved_exported_and_read_again_it_is_the_same(authored, course, tmp_path):
    from converters.models import as_folding

    folding = as_folding(authored)
    converters.save_folding(folding, tmp_path / "c.icrn")
    assert converters.load_folding(tmp_path / "c.icrn") == folding
    for name in ("c.xml", "c.ant"):
        icrn_io.write_model(converters.enumerate_network(folding), tmp_path / name)
        again = converters.run_time_course(tmp_path / name, TIMES, rtol=1e-9, atol=1e-12)
        for species, series in course.amounts.items():
            np.testing.assert_allclose(again.amounts[species], series, rtol=1e-7, atol=1e-10)


def test_overrides_are_given_by_id(authored, course):
    changed = converters.run_time_course(authored, TIMES, overrides={"on_a_b": 0.0, "M_b": 2.0})
    assert changed.amounts["M_b"][0] == 2.0
    assert changed.amounts["D_a_b"][-1] == 0.0 != course.amounts["D_a_b"][-1]


def test_entries_of_one_id_are_refused():
    p = index_symbols("p", ["a_b", "b"])
    q = index_symbols("q", ["b"])
    X, X_a, k = base_species("X"), base_species("X_a"), rate_constants("k")
    with pytest.raises(ModelIOError, match="would be called 'X_a_b'"):
        converters.run_time_course(author(reaction(X[p] >> X_a[q], k)), TIMES)
    network = author(reaction(X[p] >> 0, k))
    with pytest.raises(ModelIOError, match="no value is given for 'k'"):
        converters.run_time_course(network, TIMES)


def test_a_reaction_that_nothing_fulfils_is_saved_and_read_again(tmp_path):
    i, j = index_symbols("i j", 3)
    X = base_species("X")
    network = author(
        reaction(X[i] >> 0, 1.0, where=(i < j) & (j < i)), reaction(X[i] >> 0, 0.5), values={"X": 1.0}
    )
    folding = converters.authored.authored_folding(network)
    converters.save_folding(folding, tmp_path / "c.icrn")
    assert converters.load_folding(tmp_path / "c.icrn") == folding
    assert len(converters.enumerate_network(folding).reactions) == 3
    course = converters.run_time_course(network, TIMES)
    np.testing.assert_allclose(course.amounts["X_1"], np.exp(-0.5 * TIMES), rtol=1e-6)
