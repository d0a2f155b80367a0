"""PEtab problems, of format version 1 and 2, as `TrainingProblem`.

PEtab (https://petab.readthedocs.io) describes parameter estimation by a YAML file that names a
model and tables. The package petab checks a problem; the model is read by `icrn_io`, so that
its document stays attached.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from converters.training.problem import TrainingProblem
from icrn_io.errors import ModelIOError, UnsupportedFeatureError
from icrn_io.loading import read_model
from icrn_io.network import Network

# How many of the messages of a check are shown.
_SHOWN = 3


def read_petab(path: str | os.PathLike[str]) -> TrainingProblem:
    """Read a parameter estimation problem from the YAML file of PEtab.

    Parameters
    ----------
    path : str or path
        The YAML file; its tables and its model lie where it says, seen from its folder.

    Returns
    -------
    TrainingProblem
        Parameters, experiments, observables and measurements; its model keeps the SBML document.

    Raises
    ------
    ModelIOError
        A file is missing or malformed, the problem does not pass PEtab's own checks, or the
        package petab is not installed.
    UnsupportedFeatureError
        A construct that is not supported, by name.
    """
    path = Path(path)
    _require_package()
    config = _config(path)
    reader = {"1": _read_1, "2": _read_2}.get(_major_version(path, config))
    if reader is None:
        raise UnsupportedFeatureError("PEtab format version", str(config["format_version"]), "1 and 2 are")
    return replace(reader(path, config), source=str(path))


def _require_package() -> None:
    try:
        import petab.v1  # noqa: F401
    except ImportError as error:
        raise ModelIOError(
            f"PEtab problems are read by the package petab ({error}): pip install 'icrn-sbml[petab]'"
        ) from None


def _config(path: Path) -> dict:
    import yaml

    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelIOError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelIOError(f"{path}: the file cannot be read: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise ModelIOError(f"{path}: no YAML{line}: {getattr(error, 'problem', None) or error}") from None
    if not isinstance(config, dict) or "format_version" not in config:
        raise ModelIOError(f"{path}: no PEtab problem: expected a mapping with 'format_version'")
    return config


def _major_version(path: Path, config: Mapping) -> str:
    version = config["format_version"]
    if not isinstance(version, (str, int, float)):
        raise ModelIOError(f"{path}: format_version is a number such as 1 or 2.0.0, not {version!r}")
    return str(version).split(".")[0]


def _read_1(path: Path, config: Mapping) -> TrainingProblem:
    import petab.v1

    from converters.training.petab_v1 import read_petab_v1

    problems = _entries(path, config, "problems")
    if len(problems) != 1 or not isinstance(problems[0], dict):
        raise ModelIOError(f"{path}: expected one entry in 'problems', found {len(problems)}")
    part = problems[0]
    _refuse_extensions(config.get("extensions") or {})
    parameters = config.get("parameter_file") or []
    tables = {"parameter_file": parameters if isinstance(parameters, list) else [parameters]}
    for kind in ("condition_files", "observable_files", "measurement_files"):
        tables[kind] = _entries(path, part, kind)
    _check_tables(path, tables)
    models = _entries(path, part, "sbml_files")
    model = _only_model(path, models)
    network = _model(path, model)
    with _quiet() as messages:
        problem = _loaded(path, petab.v1.Problem.from_yaml)
        # What is drawn is no part of the problem, and its check needs more packages.
        problem.visualization_df = None
        if _guarded(path, lambda: petab.v1.lint_problem(problem)):
            raise _refusal(path, [text for text in messages if text != "Not OK"])
    if problem.mapping_df is not None and len(problem.mapping_df):
        raise UnsupportedFeatureError("mapping table", str(problem.mapping_df.index[0]))
    return _named(path, lambda: read_petab_v1(problem, network, path.stem))


def _read_2(path: Path, config: Mapping) -> TrainingProblem:
    import petab.v2

    from converters.training.petab_v2 import TABLES, read_petab_v2

    _refuse_extensions(config.get("extensions") or {})
    needed = ("parameter_files", "observable_files", "measurement_files")
    files = {kind: _entries(path, config, kind) for kind in TABLES}
    _check_tables(path, {kind: names for kind, names in files.items() if names or kind in needed})
    models = config.get("model_files") or {}
    if not isinstance(models, dict) or not all(isinstance(m, dict) for m in models.values()):
        raise ModelIOError(f"{path}: model_files maps the id of a model to its location and language")
    _only_model(path, list(models))
    (model_id, model), *_ = models.items()
    if str(model.get("language", "sbml")).lower() != "sbml":
        raise UnsupportedFeatureError(f"a model in the language '{model['language']}'", str(model_id))
    network = _model(path, model.get("location"))
    with _quiet():
        problem = _loaded(path, petab.v2.Problem.from_yaml)
        found = _guarded(path, problem.validate)
    errors = [str(i.message) for i in found if i.level >= petab.v2.lint.ValidationIssueSeverity.ERROR]
    if errors:
        raise _refusal(path, errors)
    texts = {kind: [path.parent / name for name in names] for kind, names in files.items()}
    return _named(path, lambda: read_petab_v2(texts, network, str(config.get("id") or path.stem)))


def _entries(path: Path, part: Mapping, key: str) -> list:
    found = part.get(key) or []
    found = [found] if isinstance(found, str) else found
    if not isinstance(found, list):
        raise ModelIOError(f"{path}: '{key}' is a list, not {found!r}")
    return found


def _check_tables(path: Path, tables: Mapping[str, list]) -> None:
    for kind, names in tables.items():
        if not names:
            raise ModelIOError(f"{path}: no table is given by '{kind}'")
        for name in names:
            if not isinstance(name, str) or not (path.parent / name).is_file():
                raise ModelIOError(f"{path}: '{kind}' names {name!r}, and there is no such file")


def _only_model(path: Path, models: list) -> str:
    if not models:
        raise ModelIOError(f"{path}: the problem names no SBML model")
    if len(models) > 1:
        raise UnsupportedFeatureError("more than one model", str(models[1]), "write one problem for each")
    return models[0]


def _model(path: Path, location: object) -> Network:
    if not isinstance(location, str):
        raise ModelIOError(f"{path}: the location of the model is missing")
    return read_model(path.parent / location)


def _refuse_extensions(extensions: object) -> None:
    if isinstance(extensions, dict):
        named = list(extensions.items())
    else:
        named = [(part.get("name", "?"), part) for part in extensions if isinstance(part, dict)]
    for name, part in named:
        if not (isinstance(part, dict) and part.get("required") is False):
            raise UnsupportedFeatureError("PEtab extension", str(name))


@contextmanager
def _quiet() -> Iterator[list[str]]:
    """Collect what the package petab logs as errors, instead of showing it."""
    messages: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.ERROR:
                messages.append(record.getMessage())

    logger, collector = logging.getLogger("petab"), Collector()
    passes, logger.propagate = logger.propagate, False
    logger.addHandler(collector)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield messages
    finally:
        logger.removeHandler(collector)
        logger.propagate = passes


def _loaded(path: Path, load: Callable[[str], object]):
    return _guarded(path, lambda: load(str(path)))


def _guarded(path: Path, call: Callable[[], object]):
    """Call the package petab, which raises whatever its parsers raise."""
    try:
        return call()
    except Exception as error:
        raise _refusal(path, [str(error) or type(error).__name__]) from error


def _refusal(path: Path, messages: list[str]) -> ModelIOError:
    texts = [" ".join(text.split()) for text in messages] or ["the check gave no reason"]
    shown = "; ".join(text if len(text) <= 300 else f"{text[:300]} …" for text in texts[:_SHOWN])
    more = f"; and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ModelIOError(f"{path}: not a valid PEtab problem: {shown}{more}")


def _named(path: Path, read: Callable[[], TrainingProblem]) -> TrainingProblem:
    """Read tables; errors name the problem."""
    try:
        return read()
    except UnsupportedFeatureError:
        raise
    except ModelIOError as error:
        raise ModelIOError(f"{path}: {error}") from None
