"""The import rule: two leaves, ``icrn_io`` and ``icrn_core``, and one bridge, ``converters``."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("icrn_io", "icrn_core", "converters")
SIMULATORS = {"roadrunner", "tellurium", "basico", "COPASI"}
SBML = {"libsbml", "antimony"}
JAX = {"jax", "jaxlib", "diffrax", "equinox", "optax", "lineax"}

# package -> what none of its modules may import, at any depth
NEVER = {
    "icrn_io": JAX | SIMULATORS | {"sympy", "icrn_core", "converters"},
    "icrn_core": SBML | SIMULATORS | {"icrn_io", "converters"},
    "converters": set(),
}
# package -> what its modules may import inside functions only
LATE = {"icrn_io": set(), "icrn_core": set(), "converters": SIMULATORS | {"matplotlib", "petab", "pandas"}}
# package -> what must not be loaded once it is imported
NOT_LOADED = {
    "icrn_io": NEVER["icrn_io"] | LATE["icrn_io"] | SBML,
    "icrn_core": NEVER["icrn_core"] | LATE["icrn_core"] | JAX | {"sympy", "scipy"},
    "converters": NEVER["converters"] | LATE["converters"] | JAX | SBML | {"numpy", "sympy", "scipy"},
}


def imported(node: ast.AST) -> Iterator[str]:
    """Top-level names of what an import statement imports; relative imports stay inside."""
    if isinstance(node, ast.Import):
        yield from (alias.name.split(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        yield (node.module or "").split(".")[0]


def when_loaded(tree: ast.Module) -> Iterator[ast.AST]:
    """Nodes that run on import: not the bodies of functions, not ``if TYPE_CHECKING:``."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        stack.extend(ast.iter_child_nodes(node))


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def forbidden(package: str, source: str) -> list[str]:
    """Names that a module of the package imports against the rule."""
    tree = ast.parse(source)
    anywhere = {name for node in ast.walk(tree) for name in imported(node)}
    early = {name for node in when_loaded(tree) for name in imported(node)}
    return sorted((anywhere & NEVER[package]) | (early & LATE[package]))


def test_the_checker_sees_what_is_forbidden() -> None:
    assert forbidden("icrn_io", "def f():\n    import jax.numpy as jnp") == ["jax"]
    assert forbidden("icrn_core", "from icrn_io.network import Network") == ["icrn_io"]
    assert forbidden("converters", "class A:\n    import roadrunner") == ["roadrunner"]
    assert forbidden("converters", "def f():\n    import roadrunner") == []


@pytest.mark.parametrize(
    "path", [p for name in PACKAGES for p in modules(name)], ids=lambda p: str(p.relative_to(ROOT))
)
def test_module_keeps_to_its_side(path: Path) -> None:
    assert forbidden(path.relative_to(ROOT).parts[0], path.read_text("utf-8")) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_is_outside_the_package(package: str) -> None:
    folders = {path.parent for path in modules(package)}
    assert folders, f"no modules in {package}"
    missing = [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()]
    assert missing == [], "folders without __init__.py are left out of the distribution"


@pytest.mark.smoke
@pytest.mark.parametrize("package", PACKAGES)
def test_importing_loads_nothing_else(package: str) -> None:
    code = f"import sys, {package}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    )
    assert set(done.stdout.split()) & NOT_LOADED[package] == set()
    assert done.stderr == ""


@pytest.mark.smoke
@pytest.mark.parametrize("package", ["icrn_core", "converters"])
def test_importing_leaves_the_jax_configuration_alone(package: str) -> None:
    code = (
        f"import jax; before = dict(jax.config.values); import {package}; "
        "print([k for k, v in jax.config.values.items() if before.get(k, v) != v])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_are_not_hidden_by_modules(package: str) -> None:
    """A submodule that is imported must not replace a function of the same name."""
    code = (
        f"import {package} as package, importlib, pkgutil, types\n"
        "for m in pkgutil.iter_modules(package.__path__):\n"
        "    importlib.import_module(f'{package.__name__}.{m.name}')\n"
        "print([n for n in package.__all__ if isinstance(getattr(package, n), types.ModuleType)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"
