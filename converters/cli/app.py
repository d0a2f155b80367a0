"""What the commands share: how they start, fail, read models and speak."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from time import process_time
from typing import TYPE_CHECKING, Annotated

import typer

from converters.profiling import span

if TYPE_CHECKING:
    from converters.folding import Folding
    from icrn_io.network import Network

DISTRIBUTION = "icrn-sbml"
_INTERRUPTED = 130

ATOL_HELP = "Absolute tolerance, in units of amount: 1e-12 if left out, less where all amounts are small."
MODEL_HELP = (
    "SBML of any level (.xml, .sbml), Antimony (.ant, .txt), a COMBINE archive (.omex), each "
    "also gzipped, or indexed Antimony (.iant); - reads standard input."
)


def package_version() -> str:
    """Return the version of the installed distribution."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "of a source tree that is not installed"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{DISTRIBUTION} {package_version()}")
        raise typer.Exit()


VersionOption = Annotated[
    bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_print_version)
]


def _start_profile(context: typer.Context, wanted: bool) -> None:
    if wanted:
        context.with_resource(_told_profile())


ProfileOption = Annotated[
    bool,
    typer.Option("--profile", help="Tell where the time went.", is_eager=True, callback=_start_profile),
]
NoCacheOption = Annotated[
    bool, typer.Option("--no-cache", help="Neither use nor keep compiled programs of earlier runs.")
]


@contextmanager
def _told_profile() -> Iterator[None]:
    """Measure a command until it ends, then print the table on standard error."""
    from converters.profiling import Row, profiled

    start = process_time()
    with profiled() as profile:
        # The wall time from before the first line of Python is not known.
        profile.rows["start"] = Row(start, start)
        yield
    say(profile.table())


def keep_programs(no_cache: bool) -> None:
    """Switch the disk cache of compiled programs on, unless the user has said otherwise; loads JAX."""
    if no_cache or os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return
    from converters.cache import use_cache

    try:
        with span("import"):
            use_cache()
    except OSError as error:
        reason = error.strerror or error
        say(f"note: compiled programs are not kept between runs: {error.filename or 'no cache'}: {reason}")


def make_app(command: Callable, example: str) -> typer.Typer:
    """Return the application of one command, with an example below its help."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
    paragraphs = (command.__doc__ or "").split("\n\n")
    text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    settings = {"help_option_names": ["-h", "--help"]}
    app.command(help=text, epilog=f"Example:  {example}", context_settings=settings)(command)
    return app


def run(app: typer.Typer, name: str) -> None:
    """Run a command as a program and exit: 0 done, 1 refused or failed, 2 wrong usage.

    What fails is told in one line on standard error.
    """
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    # One small factorisation a step: threads of the linear algebra would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Imports and tracing make a million objects that stay: looking for garbage among them takes
    # a tenth of a short run, and a last look, as the interpreter shuts down, as much again.
    gc.set_threshold(50_000, 20, 100)
    atexit.register(gc.freeze)
    _silence_native_code()
    code = exit_code(lambda: _flushed(app, name))
    if code == _INTERRUPTED:
        # Compiler threads may still run: the interpreter must not be taken down around them.
        os._exit(code)
    sys.exit(code)


def _flushed(app: typer.Typer, name: str) -> None:
    # What cannot be written must fail here, not when the interpreter shuts down.
    try:
        app(prog_name=name)
    finally:
        sys.stdout.flush()


def exit_code(work: Callable[[], object]) -> int:
    """Do the work of a command and return its exit code, telling what failed."""
    try:
        work()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except KeyboardInterrupt:
        _tell("interrupted")
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone; leave nothing for the interpreter to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (MemoryError, RecursionError) as error:
        return _tell(f"the model is too large or too deeply nested ({type(error).__name__})")
    except OSError as error:
        return _tell(f"the output cannot be written: {error.strerror or error}")
    except ValueError as error:
        if _is_expected(error):
            return _tell(str(error))
        return _tell_defect(error)
    except Exception as error:  # noqa: BLE001 - the last resort of a program: no traceback for users
        return _tell_defect(error)
    return 0


def _is_expected(error: ValueError) -> bool:
    from icrn_core.errors import IcrnError
    from icrn_io.errors import ModelIOError

    return isinstance(error, (ModelIOError, IcrnError))


def _tell(message: str) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201
    return 1


def _tell_defect(error: Exception) -> int:
    if os.environ.get("ICRN_TRACEBACK"):
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    return _tell(
        f"defect of {DISTRIBUTION} ({type(error).__name__}: {error}); "
        "please report it with the model (ICRN_TRACEBACK=1 shows where)"
    )


def _silence_native_code() -> None:
    """Leave standard output and error to Python alone, until the process ends.

    CVODE and libsbml write to the descriptors 1 and 2 by themselves what is also raised, in
    part from buffers that are emptied only at the very end.
    """
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:
            continue
        stream.flush()
        saved, sink = os.dup(descriptor), os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, descriptor)
        os.close(sink)
        buffering = 1 if descriptor == 2 or stream.isatty() else -1
        # A terminal that cannot show an arrow shows a question mark instead.
        own = os.fdopen(
            saved, "w", buffering, encoding=stream.encoding, errors="replace", newline="", closefd=False
        )
        setattr(sys, name, own)


def read(model: str) -> Network | Folding:
    """Return what a MODEL or FILE.icrn argument names; ``-`` is standard input.

    Raises
    ------
    ModelIOError
        It cannot be read.
    """
    from pathlib import Path

    with span("import"):
        from converters.models import as_folding, is_archive, is_authored
    if is_archive(model):
        return read_archive(model)
    if is_authored(model):
        return as_folding(model)
    with span("import"):
        from icrn_io import read_bytes, read_model
    with span("read"):
        if model == "-":
            return read_bytes(sys.stdin.buffer.read(), "standard input")
        return read_model(Path(model))


def read_archive(path: str) -> Folding:
    """Return the folding of a FILE.icrn argument.

    Raises
    ------
    ModelIOError
        It is another kind of file, or cannot be read.
    """
    with span("import"):
        from converters.archive import load_folding
        from converters.models import is_archive
        from icrn_io.errors import ModelIOError

    if not is_archive(path):
        raise ModelIOError(f"'{path}' is no .icrn file: make one with icrn-import {path}")
    with span("read"):
        return load_folding(path)


def parse_settings(settings: list[str]) -> dict[str, float]:
    """Return ``ID=VALUE`` arguments as a dictionary.

    Raises
    ------
    typer.BadParameter
        One has another form, or an id comes twice.
    """
    values: dict[str, float] = {}
    for setting in settings:
        element_id, equals, text = setting.partition("=")
        element_id = element_id.strip()
        try:
            value = float(text)
        except ValueError:
            value = None
        if not equals or not element_id or value is None:
            raise typer.BadParameter(f"'{setting}' is not of the form ID=VALUE, such as k1=0.5")
        if element_id in values:
            raise typer.BadParameter(f"'{element_id}' is set twice")
        values[element_id] = value
    return values


@contextmanager
def progress(message: str) -> Iterator[None]:
    """Show on standard error, where that is a terminal, that work is going on."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(message):
        yield


def print_folding(text: str) -> None:
    """Print a described folding; on a terminal its headings and arrows stand out."""
    if not sys.stdout.isatty():
        typer.echo(text)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for line in text.splitlines():
        styled = Text(line, style="" if line.startswith(" ") else "bold")
        styled.highlight_words(["→", "⇌", "∅"], "bold magenta")
        styled.highlight_regex(r"^  [RAI]\d+(?= )", "cyan")
        styled.highlight_regex(r"^exact:", "bold green")
        console.print(styled, soft_wrap=True)


def say(message: str) -> None:
    """Tell something on standard error that is no result."""
    typer.echo(message, err=True)
