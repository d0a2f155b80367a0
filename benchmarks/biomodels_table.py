"""The tables of `biomodels.py`: all records as JSON, and a page to read."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections import Counter
from datetime import UTC, datetime

import numpy as np
from versions import versions

PACKAGES = ("icrn-sbml", "jax", "numpy", "python-libsbml", "libroadrunner")


def write_tables(records: list[dict], options: argparse.Namespace) -> str:
    """Write JSON and Markdown beside each other; return the summary."""
    options.out.parent.mkdir(parents=True, exist_ok=True)
    settings = {k: getattr(options, k) for k in ("end", "points", "rtol", "agree", "timeout", "workers")}
    about = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": versions(PACKAGES),
        "settings": settings,
        "kept": options.kept,
    }
    document = {"about": about, "counts": counts(records), "models": records}
    options.out.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n")
    summary = summarise(records, about)
    options.out.with_suffix(".md").write_text(summary + "\n" + listing(records) + "\n")
    return summary


def counts(records: list[dict]) -> dict[str, int]:
    """How many models reached what."""
    outcomes = Counter(record["outcome"] for record in records)
    return {
        "models": len(records),
        "read": sum("n_species" in r for r in records),
        "folded exactly": sum(bool(r.get("exact")) for r in records),
        "simulated": sum(bool(r.get("simulated")) for r in records),
        "agree": outcomes["agree"],
        "refused": outcomes["refused"],
        "reference failed": outcomes["reference failed"],
        "failed": outcomes["failed"],
        "wrong": outcomes["wrong"],
    }


def summarise(records: list[dict], about: dict) -> str:
    """Return the head of the page: settings, counts, refusals by construct, times."""
    settings = about["settings"]
    lines = [
        "# Agreement with libRoadRunner",
        "",
        f"Written by `benchmarks/biomodels.py` on {about['date']} ({about['machine']}; "
        + ", ".join(f"{name} {number}" for name, number in about["versions"].items())
        + ").",
        "",
        f"Time 0 to {settings['end']:g} in each model's own unit, {settings['points']} points, "
        f"rtol {settings['rtol']:g}, atol 1e-6 of the median positive initial amount (at most 1e-12), "
        "for both. "
        "Difference of a variable: largest |a - b| over time, divided by its largest |b| plus 1e5 "
        "atol; over all "
        "species (amounts) and all parameters and compartments given by rules. "
        f"Agree: at most {settings['agree']:g}. Where a first comparison is above that, both are run "
        "again with "
        "tolerances 100 times tighter and libRoadRunner with short steps, and that comparison counts. "
        "Reference failed: libRoadRunner itself raised an error or ran out of time.",
        *(
            [f"\n{about['kept']} of the models that agree are kept from an earlier run."]
            if about["kept"]
            else []
        ),
        "",
        "| | models |",
        "|---|---|",
    ]
    lines += [f"| {name} | {number} |" for name, number in counts(records).items()]
    refused = Counter(r.get("feature", "other") for r in records if r["outcome"] == "refused")
    if refused:
        lines += ["", "| refused because of | models |", "|---|---|"]
        lines += [f"| {feature} | {number} |" for feature, number in refused.most_common()]
    lines += ["", "| seconds | median | 90 % | largest |", "|---|---|---|---|"]
    for stage in ("read", "fold", "simulate", "reference"):
        seconds = [r["seconds"][stage] for r in records if stage in r.get("seconds", {})]
        if seconds:
            middle, high, most = np.percentile(seconds, [50, 90, 100])
            lines.append(f"| {stage} | {middle:.2f} | {high:.2f} | {most:.2f} |")
    return "\n".join(lines)


def listing(records: list[dict]) -> str:
    """Return one line a model."""
    lines = [
        "",
        "| file | species | reactions | indexed | outcome | difference | pointwise | worst | note |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in records:
        numbers = [f"{r[k]:.1e}" if k in r else "" for k in ("difference", "pointwise")]
        note = r.get("reason", "").replace("|", "\\|").replace("\n", " ")[:160]
        sizes = [str(r.get(k, "")) for k in ("n_species", "n_reactions", "n_indexed")]
        lines.append(
            "| " + " | ".join([r["file"], *sizes, r["outcome"], *numbers, r.get("worst", ""), note]) + " |"
        )
    return "\n".join(lines)
