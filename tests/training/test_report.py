"""The page of a fit: what stands in it, and that it stands alone."""

from __future__ import annotations

import builtins
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest

from converters.training.cross_check import CrossCheck, EngineCheck, ObservableDifference
from converters.training.report import html_report
from icrn_io.errors import ModelIOError

CHECK = CrossCheck(
    1.0,
    15,
    1e-4,
    1e-3,
    (
        EngineCheck("tellurium", "agrees", 1.0, 1.0, 15, (ObservableDifference("b", "low", 1.0, 1e-6, 2.0),)),
        EngineCheck(
            "copasi",
            "differs",
            9.0,
            1.0,
            10,
            (ObservableDifference("b", "low", 1.0, 0.3, 2.0),),
            (("high", "no <such> construct"),),
        ),
    ),
)


@pytest.fixture(scope="module")
def page(report_fit):
    return made(report_fit)


def made(fit) -> str:
    n = len(fit.theta)
    uncertainty = SimpleNamespace(
        standard_errors=np.full(n, 0.0125),
        lower=np.full(n, 0.25),
        upper=np.array([np.inf] * n),
        directions=["k1 and k2 are only known together"],
    )
    return html_report(fit, [CHECK], uncertainty)


def test_the_verdict_comes_first_and_every_part_is_there(page, report_fit):
    parts = re.findall(r"<h2>(.*?)</h2>", page)
    assert parts == [
        "Data and fit",
        "Residuals",
        "Starts",
        "Parameters",
        "Other simulators",
        "Options",
    ]
    first = page[page.index("<h1>") : page.index("<h2>")]
    assert "trained" in first and f"{report_fit.likelihood:.8g}" in first
    assert "reproduced by tellurium" in first and "NOT reproduced by copasi" in first
    assert page.count("<svg") == 4


def test_parameters_stand_with_their_uncertainty(page, report_fit):
    for name, value in report_fit.values.items():
        assert f"<td>{name}</td><td>{value:.6g}</td>" in page
    assert "0.0125" in page and "k1 and k2 are only known together" in page


def test_what_could_not_be_run_is_said(page):
    assert "no &lt;such&gt; construct" in page


def test_the_page_stands_alone_and_is_well_formed(page):
    assert not re.search(r"(?:src|href)=\"(?!#)", page)
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for name in re.findall(r'href="#([^"]+)"', page):
        assert name in ids
    open_tags = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "br"):
                open_tags.append(tag)

        def handle_startendtag(self, tag, attrs):
            pass

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    Reader().feed(page)
    assert not open_tags


def test_equal_fits_give_equal_pages(report_fit, page):
    assert made(report_fit) == page


def test_without_matplotlib_it_says_what_to_install(report_fit, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModelIOError, match=r"pip install 'icrn-sbml\[plot\]'"):
        html_report(report_fit)
