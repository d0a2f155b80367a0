"""MathML mathematics: libsbml syntax trees into hash-consed expressions.

`OPERATORS` is the only table that relates libsbml's node types to operator names; operator
names are MathML 2 element names (and the csymbols of SBML), so writing needs no other table.

Conventions where MathML leaves a choice: ``root`` is always ``("root", degree, x)`` and
``log`` always ``("log", base, x)``; ``minus`` has one operand (negation) or two; a rational
number is the ``divide`` of two numbers; ``pi``, ``exponentiale``, ``true``, ``false``,
``time`` and ``avogadro`` are operators without operands; infinity and not-a-number are
numbers. libsbml splits an n-ary sum into nested binary ones, so a sum (product) whose first
operand is a sum (product) is read as one n-ary sum (product): the order of evaluation is kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import libsbml

from icrn_io.errors import ModelIOError, UnsupportedFeatureError
from icrn_io.expression import Expression, apply, number, symbol

OPERATORS: dict[str, tuple[str, ...]] = {
    "plus": ("AST_PLUS",),
    "minus": ("AST_MINUS",),
    "times": ("AST_TIMES",),
    "divide": ("AST_DIVIDE",),
    "power": ("AST_POWER", "AST_FUNCTION_POWER"),
    "root": ("AST_FUNCTION_ROOT",),
    "log": ("AST_FUNCTION_LOG",),
    "pi": ("AST_CONSTANT_PI",),
    "exponentiale": ("AST_CONSTANT_E",),
    "true": ("AST_CONSTANT_TRUE",),
    "false": ("AST_CONSTANT_FALSE",),
    "time": ("AST_NAME_TIME",),
    "avogadro": ("AST_NAME_AVOGADRO",),
    "delay": ("AST_FUNCTION_DELAY",),
    "rateOf": ("AST_FUNCTION_RATE_OF",),
    "abs": ("AST_FUNCTION_ABS",),
    "exp": ("AST_FUNCTION_EXP",),
    "ln": ("AST_FUNCTION_LN",),
    "floor": ("AST_FUNCTION_FLOOR",),
    "ceiling": ("AST_FUNCTION_CEILING",),
    "factorial": ("AST_FUNCTION_FACTORIAL",),
    "max": ("AST_FUNCTION_MAX",),
    "min": ("AST_FUNCTION_MIN",),
    "quotient": ("AST_FUNCTION_QUOTIENT",),
    "rem": ("AST_FUNCTION_REM",),
    "piecewise": ("AST_FUNCTION_PIECEWISE",),
    "eq": ("AST_RELATIONAL_EQ",),
    "neq": ("AST_RELATIONAL_NEQ",),
    "gt": ("AST_RELATIONAL_GT",),
    "geq": ("AST_RELATIONAL_GEQ",),
    "lt": ("AST_RELATIONAL_LT",),
    "leq": ("AST_RELATIONAL_LEQ",),
    "and": ("AST_LOGICAL_AND",),
    "or": ("AST_LOGICAL_OR",),
    "xor": ("AST_LOGICAL_XOR",),
    "not": ("AST_LOGICAL_NOT",),
    "implies": ("AST_LOGICAL_IMPLIES",),
    **{
        name: (f"AST_FUNCTION_{name.upper()}",)
        for stem in ("sin", "cos", "tan", "sec", "csc", "cot")
        for name in (stem, stem + "h", "arc" + stem, "arc" + stem + "h")
    },
}

CSYMBOLS = frozenset({"time", "avogadro", "delay", "rateOf"})
_CHAINED = frozenset({"plus", "times"})
_DEFAULT_FIRST = {"root": number(2.0), "log": number(10.0)}
_OPERATOR_OF_TYPE = {getattr(libsbml, kind): op for op, kinds in OPERATORS.items() for kind in kinds}
# Called by class: once libsedml is imported too (by Tellurium), it hands out syntax trees as objects of
# its own class, whose getType returns no number.
_Node = libsbml.ASTNode
node_type = _Node.getType
_NAME, _CALL, _LAMBDA = libsbml.AST_NAME, libsbml.AST_FUNCTION, libsbml.AST_LAMBDA


def build(op: str, args: tuple[Expression, ...]) -> Expression:
    """Return the node of an operator in the form in which `MathReader` reads it."""
    if len(args) == 1 and op in _DEFAULT_FIRST:
        args = (_DEFAULT_FIRST[op], *args)
    elif op in _CHAINED and len(args) > 1 and args[0].op == op and len(args[0].args) > 1:
        args = args[0].args + args[1:]
    elif op == "minus" and len(args) == 1 and args[0].payload == math.inf:
        return number(-math.inf)  # MathML has no other way to say it
    return Expression(op, args)


def read_number(node: libsbml.ASTNode) -> Expression:
    """Return a numeric node as the float64 nearest to its decimal text.

    libsbml multiplies mantissa and power of ten of an e-notation in binary, which may be one
    unit in the last place off; here the decimal text is put together again first.
    """
    kind = node_type(node)
    if kind == libsbml.AST_INTEGER:
        return number(_Node.getInteger(node))
    if kind == libsbml.AST_REAL_E:
        return number(float(f"{_Node.getMantissa(node)!r}e{_Node.getExponent(node)}"))
    if kind == libsbml.AST_RATIONAL:
        return apply("divide", (number(_Node.getNumerator(node)), number(_Node.getDenominator(node))))
    return number(_Node.getReal(node))


class MathReader:
    """Reads the mathematics of one model: known ids and function definitions are its scope.

    Parameters
    ----------
    names : mapping of str to Expression
        Every id that mathematics may name, with what it stands for.
    definitions : mapping of str to libsbml.FunctionDefinition
        Function definitions by id; each is read once, when first called.
    """

    def __init__(self, names: Mapping[str, Expression], definitions: Mapping[str, object]) -> None:
        self._names = names
        self._definitions = definitions
        self._bodies: dict[str, tuple[tuple[str, ...], Expression]] = {}
        self._open: list[str] = []

    def read(self, node: libsbml.ASTNode | None, where: str, local=None) -> Expression | None:
        """Return a syntax tree as an expression, function definitions expanded.

        Parameters
        ----------
        node : libsbml.ASTNode or None
            The tree; None (mathematics is optional in L3V2) gives None.
        where : str
            The element it belongs to, for messages.
        local : mapping of str to Expression, optional
            Ids that shadow those of the model.

        Raises
        ------
        ModelIOError
            An undefined id or function, a recursive function, a wrong number of arguments.
        UnsupportedFeatureError
            A function that SBML core does not have.
        """
        if node is None:
            return None
        names = {**self._names, **local} if local else self._names
        return self._walk(node, names, where)

    def _walk(self, root: libsbml.ASTNode, names: Mapping[str, Expression], where: str) -> Expression:
        work: list = [root]
        values: list[Expression] = []
        while work:
            item = work.pop()
            if type(item) is tuple:
                op, n_args = item
                args = tuple(values[len(values) - n_args :])
                del values[len(values) - n_args :]
                values.append(build(op, args) if op in OPERATORS else self._call(op[1:], args, where))
                continue
            kind = node_type(item)
            if kind == _NAME:
                name = _Node.getName(item)
                if name not in names:
                    raise ModelIOError(f"{where}: the formula names '{name}', which does not exist")
                values.append(names[name])
                continue
            op = _OPERATOR_OF_TYPE.get(kind)
            if op is None:
                if _Node.isNumber(item):
                    values.append(read_number(item))
                    continue
                op = "@" + self._function_name(item, where)
            children = _operands(item, kind) if op in _CHAINED else _children(item)
            work.append((op, len(children)))
            work.extend(reversed(children))
        return values[0]

    def _function_name(self, node: libsbml.ASTNode, where: str) -> str:
        name = _Node.getName(node)
        if node_type(node) == _CALL and name in self._definitions:
            return name
        if node_type(node) == _CALL:
            raise ModelIOError(f"{where}: the formula calls '{name}', which the model does not define")
        shown = name or libsbml.formulaToL3String(node) or "?"
        raise UnsupportedFeatureError("mathematical function", shown, f"used in {where}")

    def _call(self, name: str, args: tuple[Expression, ...], where: str) -> Expression:
        variables, body = self._body(name)
        if len(args) != len(variables):
            raise ModelIOError(
                f"{where}: function '{name}' takes {len(variables)} argument(s), {len(args)} given"
            )
        return _expand(body, dict(zip(variables, args, strict=True)))

    def _body(self, name: str) -> tuple[tuple[str, ...], Expression]:
        """Return the bound variables and the body of a function definition, read once."""
        if name in self._bodies:
            return self._bodies[name]
        if name in self._open:
            cycle = " -> ".join((*self._open[self._open.index(name) :], name))
            raise ModelIOError(f"function definition '{name}' is recursive ({cycle}): SBML forbids it")
        self._open.append(name)
        try:
            tree = self._definitions[name].getMath()
            if (
                tree is None
                or node_type(tree) != _LAMBDA
                or _Node.getNumChildren(tree) <= _Node.getNumBvars(tree)
            ):
                raise UnsupportedFeatureError("function definition without mathematics", name)
            n_variables = _Node.getNumBvars(tree)
            variables = tuple(_Node.getChild(tree, i).getName() for i in range(n_variables))
            scope = {variable: symbol(variable) for variable in variables}
            body = self._walk(_Node.getChild(tree, n_variables), scope, f"function definition '{name}'")
        finally:
            self._open.pop()
        self._bodies[name] = (variables, body)
        return self._bodies[name]


def _children(node: libsbml.ASTNode) -> list[libsbml.ASTNode]:
    return [_Node.getChild(node, i) for i in range(_Node.getNumChildren(node))]


def _operands(node: libsbml.ASTNode, kind: int) -> list[libsbml.ASTNode]:
    """Return the operands of a sum or product that libsbml has nested in its first operand."""
    late: list[libsbml.ASTNode] = []
    children = _children(node)
    while len(children) > 1 and node_type(children[0]) == kind and _Node.getNumChildren(children[0]) > 1:
        late.extend(reversed(children[1:]))
        children = _children(children[0])
    return children + late[::-1]


def _expand(body: Expression, arguments: Mapping[str, Expression]) -> Expression:
    """Replace the bound variables of a function body by the arguments of a call."""
    done: dict[int, Expression] = {}
    for node in body:
        if node.args:
            done[id(node)] = build(node.op, tuple(done[id(arg)] for arg in node.args))
        else:
            done[id(node)] = arguments.get(node.payload, node) if node.op == "symbol" else node
    return done[id(body)]
