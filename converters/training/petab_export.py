"""A fitted problem as PEtab files: those it was read from with fitted values, or new ones."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from converters.training.petab_tables import new_files
from converters.training.train import Fit
from icrn_io.errors import ModelIOError
from icrn_io.files import write_atomically

_MARK, _FORMAT = "icrn-petab.json", "icrn-petab"


def write_petab(fit: Fit, folder: str | Path) -> Path:
    """Write the problem of a fit as PEtab, with the fitted values in its parameter table.

    A problem that was read from PEtab files is written as copies of these, in which only the
    fitted nominal values change. Any other is written as PEtab of version 1.

    Parameters
    ----------
    fit : Fit
        A fit.
    folder : path
        A new or empty folder, or one that holds an earlier export, which is replaced.

    Returns
    -------
    Path
        The YAML file of the problem.

    Raises
    ------
    ModelIOError
        The folder holds other files, a file cannot be read or written, or PEtab of version 1
        has no place for something in the problem.
    """
    folder, source = Path(folder), fit.bound.problem.source
    earlier = check_folder(folder)
    name, files = _copied(Path(source), fit.values) if source else new_files(fit.bound.problem, fit.values)
    _write(folder, files, earlier)
    return folder / name


def check_folder(folder: str | Path) -> tuple[str, ...]:
    """Return the files of an earlier export in a folder.

    Raises
    ------
    ModelIOError
        It is no folder, cannot be made, or holds other files.
    """
    folder = Path(folder)
    if not folder.exists():
        if not folder.absolute().parent.is_dir():
            raise ModelIOError(f"cannot write '{folder}': there is no folder '{folder.parent}'")
        return ()
    if not folder.is_dir():
        raise ModelIOError(f"cannot write PEtab files into '{folder}': it is a file, give a folder")
    present = {str(PurePosixPath(p.relative_to(folder))) for p in folder.rglob("*") if not p.is_dir()}
    earlier = _earlier(folder)
    others = sorted(present - {*earlier, _MARK})
    if others:
        raise ModelIOError(
            f"cannot write PEtab files into '{folder}': it holds '{others[0]}', which is no earlier export; "
            "give a new or empty folder"
        )
    return earlier


def _earlier(folder: Path) -> tuple[str, ...]:
    try:
        mark = json.loads((folder / _MARK).read_text(encoding="utf-8"))
        return tuple(map(str, mark["files"])) if mark["format"] == _FORMAT else ()
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _write(folder: Path, files: Mapping[str, bytes], earlier: Iterable[str]) -> None:
    """Write files, and take out those of an earlier export that are no more."""
    stale = set(earlier) - set(files)
    try:
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelIOError(f"cannot write '{folder}': {error.strerror or error}") from None
    # Written first: what a crash leaves is an export that can be replaced.
    mark = {"format": _FORMAT, "files": sorted({*files, *stale})}
    write_atomically(folder / _MARK, json.dumps(mark) + "\n")
    for name, content in files.items():
        write_atomically(folder / name, content)
    for name in stale:
        (folder / name).unlink(missing_ok=True)
    write_atomically(folder / _MARK, json.dumps({**mark, "files": sorted(files)}) + "\n")


def _copied(source: Path, values: Mapping[str, float]) -> tuple[str, dict[str, bytes]]:
    """Return the YAML file's name and all files of a problem, fitted values set."""
    import yaml

    text = _read(source)
    config = yaml.safe_load(text)
    tables = {name for key in ("parameter_file", "parameter_files") for name in _strings(config.get(key))}
    files = {source.name: text}
    for name in dict.fromkeys(_strings(config)):
        path = source.parent / name
        if not path.is_file():
            continue
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ModelIOError(
                f"cannot copy the problem: {source} names '{name}', which lies outside its folder"
            )
        content = _read(path)
        files[str(PurePosixPath(Path(name)))] = with_values(content, values) if name in tables else content
    return source.name, files


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelIOError(f"cannot read '{path}': {error.strerror or error}") from None


def _strings(tree: object) -> Iterable[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, Mapping):
        for value in tree.values():
            yield from _strings(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _strings(value)


def with_values(table: bytes, values: Mapping[str, float]) -> bytes:
    """Return a parameter table with other nominal values; all else stays as it is, byte for byte.

    Parameters
    ----------
    table : bytes
        Tab-separated, with a column ``parameterId``.
    values : mapping of str to float
        Id → nominal value.
    """
    lines = table.decode("utf-8-sig").splitlines(keepends=True)
    is_row = [bool(line.strip()) and not line.startswith("#") for line in lines]
    head = is_row.index(True)
    names = [cell.strip() for cell in _cells(lines[head])]
    at = names.index("parameterId")
    place = names.index("nominalValue") if "nominalValue" in names else len(names)
    for k, line in enumerate(lines):
        if k < head or not is_row[k]:
            continue
        body = line.rstrip("\r\n")
        cells = _cells(body)
        cells += [""] * (place + 1 - len(cells))
        own = cells[at].strip()
        if k == head:
            if place < len(names):
                continue
            cells[place] = "nominalValue"
        elif own in values and math.isfinite(values[own]):
            cells[place] = repr(float(values[own]))
        elif place < len(names):
            continue
        lines[k] = _line(cells) + line[len(body) :]
    bom = b"\xef\xbb\xbf" if table.startswith(b"\xef\xbb\xbf") else b""
    return bom + "".join(lines).encode("utf-8")


def _cells(line: str) -> list[str]:
    return next(csv.reader([line.rstrip("\r\n")], delimiter="\t"))


def _line(cells: list[str]) -> str:
    return "\t".join(f'"{c.replace(chr(34), chr(34) * 2)}"' if set(c) & set('\t"') else c for c in cells)
