"""Read indexed Antimony, the text form of an authored network.

    model dimerization
      index p, q in P = 1..60
      M[p] + M[q] -> D[p,q]; k[p,q] for p < q
      M = 1; k = 0.5
    end

Statements end with their line or with a semicolon; ``//`` and ``#`` begin comments. Behind the
semicolon of a reaction stands its constant of mass action, or, where that reads a species, its whole
law. Formulas and conditions are parsed by Python's own parser and never evaluated.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from icrn_core.authoring import AuthoredNetwork, Reaction, author, entries_of, fast, reaction, symmetric_of
from icrn_core.errors import IcrnError
from icrn_core.functions import OPERATORS
from icrn_core.notation import (
    Base,
    Change,
    Condition,
    Formula,
    Index,
    Kind,
    apply,
    as_formula,
    tuple_condition,
)

_NAME = r"[A-Za-z_]\w*"
_TERM = re.compile(rf"(?P<count>(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)?\s*\*?\s*(?P<entry>{_NAME}(\[[^\]]*\])?)\Z")
_INDEX = re.compile(
    rf"index\s+(?P<names>{_NAME}(\s*,\s*{_NAME})*)(\s+in\s+(?P<set>{_NAME}))?\s*=\s*(?P<labels>.+)\Z"
)
_RANGE = re.compile(r"(\d+)\s*\.\.\s*(\d+)\Z")
_REACTION = re.compile(rf"((?P<name>{_NAME})\s*:)?(?P<left>.*?)->(?P<right>[^;]*);(?P<rest>.*)\Z", re.DOTALL)
_ARITHMETIC = {ast.Add: "plus", ast.Sub: "minus", ast.Mult: "times", ast.Div: "divide", ast.Pow: "power"}
_POSITIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Mod: operator.mod}
_COMPARISONS: dict[type, Callable] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def read_text(text: str) -> AuthoredNetwork:
    """Return the network of a text in indexed Antimony.

    Parameters
    ----------
    text : str
        Statements::

            model NAME ... end             optional, around all others
            index i, j in I = 1..60        symbols over one set of labels; "in I" can be left out
            index g = {lacI, tetR, cI}
            species X[i], Y                or constant k[i]: what stands in no reaction
            symmetric D[p,q]               D[p,q] and D[q,p] are one species
            NAME: 2 X[i] + Y -> Z[i]; k[i] for i != 3
            X[i] + Y[i] -> ; fast          until one of them is used up
            X = 1                          of all entries
            X = [1, 2, 3]                  of each
            X[lacI] = 2                    of one

        In brackets stand index symbols and labels, in conditions positions, counted from 0, and
        labels in quotes. A set of index tuples is a condition too: ``for (i, j) in {(0, 1), (2, 0)}``.

    Raises
    ------
    IcrnError
        With the number of the line.
    """
    reader = _Reader()
    for number, line in enumerate(text.splitlines(), start=1):
        reader.number = number
        for statement in _statements(line):
            reader.read(statement)
    return reader.network()


def _statements(line: str) -> list[str]:
    line = re.split(r"//|#", line, maxsplit=1)[0].strip()
    if "->" in line:
        return [line.rstrip("; ") if line.count(";") > 1 else line]
    return [part.strip() for part in line.split(";") if part.strip()]


@dataclass
class _Reader:
    number: int = 0
    name: str = ""
    has_ended: bool = False
    symbols: dict[str, Index] = field(default_factory=dict)
    bases: dict[str, Base] = field(default_factory=dict)
    also: list[Base] = field(default_factory=list)
    lines: list[tuple[int, re.Match]] = field(default_factory=list)
    tensors: dict[str, np.ndarray] = field(default_factory=dict)
    entries: list[tuple[int, str, tuple[str, ...], float]] = field(default_factory=list)

    def fail(self, message: str) -> IcrnError:
        return IcrnError(f"line {self.number}: {message}")

    def read(self, statement: str) -> None:
        word = statement.split(maxsplit=1)[0]
        if self.has_ended:
            raise self.fail(f"'{statement}' stands behind the end of the model: a file holds one")
        if statement == "end":
            self.has_ended = True
        elif word == "model":
            if self.name:
                raise self.fail(f"'{statement}': the model is called '{self.name}' already, a file holds one")
            self.name = statement[len(word) :].strip().rstrip("()")
        elif word == "index":
            self._index(statement)
        elif word in ("species", "constant", "symmetric"):
            kind = "constant" if word == "constant" else "species"
            self._declare(statement[len(word) :], kind, word == "symmetric")
        elif "->" in statement:
            found = _REACTION.match(statement)
            if found is None:
                raise self.fail(f"'{statement}': expected 'reactants -> products; rate'")
            self.lines.append((self.number, found))
        elif "=" in statement:
            self._value(statement)
        else:
            raise self.fail(
                f"'{statement}' is no statement: expected index, species, constant, symmetric, "
                "a reaction with -> or a value with ="
            )

    def _index(self, statement: str) -> None:
        found = _INDEX.match(statement)
        if found is None:
            raise self.fail(f"'{statement}': expected 'index i, j in I = 1..60' or '... = {{lacI, tetR}}'")
        given = found["labels"].strip()
        interval = _RANGE.match(given)
        if interval is not None:
            labels = tuple(map(str, range(int(interval[1]), int(interval[2]) + 1)))
        elif given.startswith("{") and given.endswith("}"):
            labels = tuple(label.strip() for label in given[1:-1].split(",") if label.strip())
        else:
            raise self.fail(f"'{given}' is no set of labels: expected 1..60 or {{lacI, tetR}}")
        if not labels:
            raise self.fail(f"'{given}' holds no label")
        bad = next((label for label in labels if not re.fullmatch(r"\w+", label)), None)
        if bad is not None:
            raise self.fail(f"'{bad}' is no label: expected letters, digits and underscores")
        for name in re.split(r"\s*,\s*", found["names"]):
            if name in self.symbols:
                raise self.fail(f"index symbol '{name}' is declared twice")
            self.symbols[name] = Index(name, labels, found["set"] or "")

    def _declare(self, given: str, kind: Kind, is_symmetric: bool) -> None:
        for text in re.split(r",(?![^\[]*\])", given):
            name, indices = self._entry(self._parsed(text.strip()))
            axes = tuple(index for index in indices if isinstance(index, Index))
            if len(axes) < len(indices):
                raise self.fail(f"'{text.strip()}': the indices of a declaration are index symbols")
            base = Base(name, kind, axes or None, is_symmetric)
            if self.bases.setdefault(name, base) is not base:
                raise self.fail(f"'{name}' is declared twice")
            self.also.append(base)

    def _value(self, statement: str) -> None:
        target, _, given = statement.partition("=")
        name, indices = self._entry(self._parsed(target.strip()))
        try:
            value = np.asarray(ast.literal_eval(given.strip()), dtype=np.float64)
        except (ValueError, SyntaxError, TypeError):
            raise self.fail(
                f"'{given.strip()}' is no number, nor lists of numbers of equal lengths"
            ) from None
        if not indices:
            self.tensors[name] = value
        elif any(isinstance(index, Index) for index in indices) or value.ndim:
            raise self.fail(f"'{statement}': a value of one entry is a number, and its indices are labels")
        else:
            self.entries.append((self.number, name, indices, float(value)))

    def network(self) -> AuthoredNetwork:
        for _, found in self.lines:
            for side in (found["left"], found["right"]):
                for name in re.findall(rf"({_NAME})\s*(?:\[[^\]]*\])?", re.sub(r"\[[^\]]*\]", "", side)):
                    self.bases.setdefault(name, Base(name, "species", None, False))
        reactions = [self._reaction(number, found) for number, found in self.lines]
        met = {entry.base for authored in reactions for entry in entries_of(authored)}
        also = [base for base in self.also if base not in met]
        network = author(*reactions, values=self.tensors, name=self.name, also=also)
        if not self.entries:
            return network
        values = {name: tensor.copy() for name, tensor in network.values.items()}
        for number, name, indices, value in self.entries:
            self.number = number
            values[name][self._position(network, name, indices)] = value
        return network.with_values(**values)

    def _position(self, network: AuthoredNetwork, name: str, indices: tuple[str, ...]) -> tuple[int, ...]:
        base = {base.name: base for base in network.icrn.bases}.get(name)
        if base is None or len(indices) != len(base.index_sets):
            found = "no base is called so" if base is None else f"'{name}' has {len(base.index_sets)} indices"
            raise self.fail(f"a value is given for '{name}[{', '.join(indices)}]', but {found}")
        for label, index_set in zip(indices, base.index_sets, strict=True):
            if label not in index_set.labels:
                raise self.fail(
                    f"'{name}[{', '.join(indices)}]': index set '{index_set.name}' has no label '{label}'"
                )
        place = tuple(s.labels.index(label) for label, s in zip(indices, base.index_sets, strict=True))
        is_symmetric = name in symmetric_of(network.reactions, network.also)
        return tuple(sorted(place)) if is_symmetric else place

    def _reaction(self, number: int, found: re.Match) -> Reaction:
        self.number = number
        rate, _, condition = re.sub(r"\s+", " ", found["rest"]).partition(" for ")
        if not rate.strip():
            raise self.fail("a reaction needs its rate behind the semicolon: 'A -> B; k'")
        change = Change(self._side(found["left"]), self._side(found["right"]))
        where = self._condition(condition.strip()) if condition.strip() else None
        name = found["name"] or ""
        if rate.strip() == "fast":
            return fast(change, where=where, name=name)
        formula = self._formula(self._parsed(rate))
        reads_species = any(entry.base.kind == "species" for entry in formula.entries())
        rates = {"law": formula} if reads_species else {"rate": formula}
        try:
            return reaction(change, **rates, where=where, name=name)
        except IcrnError as error:
            raise self.fail(str(error)) from None

    def _side(self, text: str) -> Formula | None:
        terms = []
        for part in re.split(r"\+(?![^\[]*\])", text) if text.strip() else ():
            found = _TERM.match(part.strip())
            if found is None:
                raise self.fail(f"'{part.strip()}' is no species with a stoichiometry, such as 2 X[i]")
            entry = self._formula(self._parsed(found["entry"]))
            count = float(found["count"] or 1.0)
            terms.append(entry if count == 1.0 else apply("times", count, entry))
        if not terms:
            return None
        side = terms[0]
        for term in terms[1:]:
            side = side + term
        return side

    def _parsed(self, text: str) -> ast.expr:
        try:
            return ast.parse(text.strip().replace("^", "**"), mode="eval").body
        except (SyntaxError, ValueError, RecursionError):
            raise self.fail(f"'{text.strip()}' cannot be read as a formula") from None

    def _entry(self, node: ast.expr) -> tuple[str, tuple[Index | str, ...]]:
        """Return the name of a base and its indices, symbols or labels."""
        if isinstance(node, ast.Name):
            return node.id, ()
        if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name):
            raise self.fail(
                f"'{ast.unparse(node)}' is no entry: expected a name, or a name with indices such as X[i, 3]"
            )
        given = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return node.value.id, tuple(map(self._index_of, given))

    def _index_of(self, node: ast.expr) -> Index | str:
        if isinstance(node, ast.Name):
            if node.id not in self.symbols and not any(node.id in s.labels for s in self.symbols.values()):
                raise self.fail(
                    f"'{node.id}' is neither an index symbol nor one of its labels: declare it in a line "
                    f"above, index {node.id} = 1..10"
                )
            return self.symbols.get(node.id, node.id)
        if isinstance(node, ast.Constant) and type(node.value) in (int, str):
            return str(node.value)
        raise self.fail(f"'{ast.unparse(node)}' is no index: expected an index symbol or a label")

    def _formula(self, node: ast.expr) -> Formula:
        if isinstance(node, (ast.Name, ast.Subscript)):
            name, indices = self._entry(node)
            if name in self.symbols:
                raise self.fail(f"'{name}' is an index symbol, it has no value in a formula")
            base = self.bases.setdefault(name, Base(name, "constant", None, False))
            return base[indices] if indices else as_formula(base)
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return as_formula(node.value)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            operand = self._formula(node.operand)
            return as_formula(-operand.value) if operand.op == "number" else apply("minus", operand)
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            return apply(_ARITHMETIC[type(node.op)], self._formula(node.left), self._formula(node.right))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self._call(node.func.id, [self._formula(arg) for arg in node.args])
        raise self.fail(f"'{ast.unparse(node)}' cannot stand in a formula")

    def _call(self, name: str, args: list[Formula]) -> Formula:
        row = OPERATORS.get(name)
        if row is None or row.kind != "number":
            raise self.fail(f"no function is called '{name}'")
        fewest, most = row.arity
        if len(args) < fewest or (most is not None and len(args) > most):
            raise self.fail(f"'{name}' takes {fewest} operands, found {len(args)}")
        return apply(name, *args)

    def _condition(self, text: str) -> Condition:
        node = self._parsed(text)
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In):
            return self._tuples(node)
        found = self._positions(node)
        if not isinstance(found, Condition):
            raise self.fail(f"'{text}' is no condition of index symbols, such as i < j")
        return found

    def _tuples(self, node: ast.Compare) -> Condition:
        names = node.left.elts if isinstance(node.left, ast.Tuple) else [node.left]
        symbols = tuple(self._symbol(name) for name in names)
        try:
            rows = np.array(sorted(ast.literal_eval(node.comparators[0])), dtype=np.int64).reshape(
                -1, len(symbols)
            )
        except (ValueError, TypeError, SyntaxError):
            raise self.fail(
                f"'{ast.unparse(node.comparators[0])}' is no set of tuples of positions"
            ) from None
        return tuple_condition(symbols, rows)

    def _symbol(self, node: ast.expr) -> Index:
        if not isinstance(node, ast.Name) or node.id not in self.symbols:
            raise self.fail(f"'{ast.unparse(node)}' is no index symbol")
        return self.symbols[node.id]

    def _positions(self, node: ast.expr):
        """Return an index formula, a condition, a number or a label."""
        if isinstance(node, ast.Constant) and type(node.value) in (int, str):
            return node.value
        if isinstance(node, ast.Name):
            return self._symbol(node)
        if isinstance(node, ast.BinOp) and type(node.op) in _POSITIONS:
            return _POSITIONS[type(node.op)](self._positions(node.left), self._positions(node.right))
        if isinstance(node, ast.BoolOp):
            found = self._positions(node.values[0])
            for value in node.values[1:]:
                more = self._positions(value)
                found = found & more if isinstance(node.op, ast.And) else found | more
            return found
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return ~self._positions(node.operand)
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "abs"
            and len(node.args) == 1
        ):
            return abs(self._positions(node.args[0]))
        if isinstance(node, ast.Compare):
            parts = [self._positions(part) for part in (node.left, *node.comparators)]
            found = None
            for left, op, right in zip(parts, node.ops, parts[1:], strict=False):
                if type(op) not in _COMPARISONS:
                    raise self.fail(f"'{ast.unparse(node)}': expected <, <=, >, >=, == or !=")
                one = _COMPARISONS[type(op)](left, right)
                found = one if found is None else found & one
            return found
        raise self.fail(f"'{ast.unparse(node)}' cannot stand in a condition")
