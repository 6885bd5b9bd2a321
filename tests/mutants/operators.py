"""The changes that are made to a module, one at a time.

Left alone: docstrings, annotations, assertions, prose (texts with a blank in them) and log lines. What a log line
must say has tests of its own.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
}
_SIGNS = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_SIGNS |= {ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in"}
_LOGGERS = frozenset({"log", "logger"})


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of a module.

    Attributes:
        number: its place among the changes of this source.
        lines: where it is.
        statement: the lines of the statement it is in.
        change: what it does, in words.
    """

    number: int
    lines: range
    statement: range
    change: str


@dataclass(slots=True)
class _Site:
    """Where a change is made: `apply` makes it, in the tree that it was found in."""

    node: ast.AST
    statement: ast.stmt
    change: str
    apply: Callable[[], None]


def mutants(source: str) -> list[Mutant]:
    """Every change that can be made to a module."""
    return [
        Mutant(number, _lines(site.node), _lines(_head(site.statement)), site.change)
        for number, site in enumerate(_sites(ast.parse(source)))
    ]


def changed(source: str, number: int) -> ast.Module:
    """The module with this change made to it."""
    tree = ast.parse(source)
    next(site for at, site in enumerate(_sites(tree)) if at == number).apply()
    return ast.fix_missing_locations(tree)


def _sites(tree: ast.Module) -> Iterator[_Site]:
    for parent, name, index, statement in _statements(tree):
        yield from _removed(parent, name, index, statement)
        for holder, field, place, node in _expressions(statement):
            for change, new in _replacements(node):
                yield _Site(node, statement, change, _putting(holder, field, place, new))


def _statements(node: ast.AST) -> Iterator[tuple[ast.AST, str, int, ast.stmt]]:
    for name, value in ast.iter_fields(node):
        if not isinstance(value, list):
            continue
        for index, child in enumerate(value):
            if isinstance(child, ast.stmt):
                if not _is_left_alone(child):
                    yield node, name, index, child
                    yield from _statements(child)
            elif isinstance(child, ast.ExceptHandler | ast.match_case):
                yield from _statements(child)


def _is_left_alone(statement: ast.stmt) -> bool:
    match statement:
        case ast.Assert() | ast.Import() | ast.ImportFrom():
            return True
        case ast.Expr(ast.Constant()):
            return True
        case ast.Expr(ast.Call(ast.Attribute(ast.Name(name)))) if name in _LOGGERS:
            return True
        case ast.If(ast.Name("TYPE_CHECKING")):
            return True
        case ast.Assign([ast.Name("__all__")]):
            return True
    return False


def _removed(parent: ast.AST, name: str, index: int, statement: ast.stmt) -> Iterator[_Site]:
    """The statement left out, where that leaves a program."""
    match statement:
        case ast.Return(value) if value is not None and not _is_none(value):
            new: ast.stmt = ast.Return(ast.Constant(None))
            change = "returns None"
        case ast.Expr() | ast.Raise() | ast.AugAssign():
            new, change = ast.Pass(), "left out"
        case ast.Assign([ast.Attribute() | ast.Subscript()]):
            new, change = ast.Pass(), "left out"
        case ast.Continue():
            new, change = ast.Break(), "continue → break"
        case ast.Break():
            new, change = ast.Continue(), "break → continue"
        case _:
            return

    def apply() -> None:
        getattr(parent, name)[index] = ast.copy_location(new, statement)

    yield _Site(statement, statement, change, apply)


def _expressions(statement: ast.stmt) -> Iterator[tuple[ast.AST, str, int | None, ast.expr]]:
    """Each expression of a statement itself, with what holds it: neither annotations nor statements inside."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        holder = waiting.pop(0)
        for field, value in ast.iter_fields(holder):
            if field in ("annotation", "returns", "type_params", "decorator_list") or isinstance(
                holder, ast.JoinedStr | ast.Global | ast.match_case
            ):
                continue
            if isinstance(holder, ast.ClassDef) and field == "keywords":
                continue  # `total=False` is read by type checkers, and by schemas with tests of their own.
            for place, node in enumerate(value) if isinstance(value, list) else ((None, value),):
                if isinstance(node, ast.stmt | ast.ExceptHandler | ast.pattern | ast.match_case):
                    continue
                if isinstance(node, ast.expr):
                    yield holder, field, place, node
                if isinstance(node, ast.AST) and not _is_type(node):
                    waiting.append(node)


def _is_type(node: ast.AST) -> bool:
    """``Literal[…]``, ``Annotated[…]`` and the like: read by type checkers, and by schemas with tests of their own."""
    match node:
        case ast.Subscript(ast.Name(name)):
            return name in {"Literal", "Annotated", "Final", "ClassVar"}
        case ast.Call(ast.Name("cast" | "TypeVar")):
            return True
    return False


def _replacements(node: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    match node:
        case ast.Compare(left, operators, right):
            for at, operator in enumerate(operators):
                other = _COMPARISONS[type(operator)]
                every = [*operators[:at], other(), *operators[at + 1 :]]
                yield f"{_SIGNS[type(operator)]} → {_SIGNS[other]}", ast.Compare(left, every, right)
        case ast.BoolOp(ast.And(), values):
            yield "and → or", ast.BoolOp(ast.Or(), values)
        case ast.BoolOp(ast.Or(), values):
            yield "or → and", ast.BoolOp(ast.And(), values)
        case ast.UnaryOp(ast.Not(), operand):
            yield "not left out", operand
        case ast.IfExp(test, body, otherwise):
            yield "if and else exchanged", ast.IfExp(test, otherwise, body)
        case ast.BinOp(left, operator, right) if type(operator) in _ARITHMETIC:
            other_sign = _ARITHMETIC[type(operator)]
            change = f"{type(operator).__name__} → {other_sign.__name__}"
            yield change, ast.BinOp(left, other_sign(), right)
        case ast.Constant(value):
            yield from _constants(value)


def _constants(value: object) -> Iterator[tuple[str, ast.expr]]:
    match value:
        case bool():
            yield f"{value} → {not value}", ast.Constant(not value)
        case int() | float():
            yield f"{value} → {value + 1}", ast.Constant(value + 1)
        case str() if value and not any(sign.isspace() for sign in value):
            yield f"{value!r} → {value + '~'!r}", ast.Constant(value + "~")
        case None:
            return


def _putting(holder: ast.AST, field: str, place: int | None, new: ast.expr) -> Callable[[], None]:
    def apply() -> None:
        if place is None:
            setattr(holder, field, ast.copy_location(new, getattr(holder, field)))
        else:
            values = getattr(holder, field)
            values[place] = ast.copy_location(new, values[place])

    return apply


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _head(statement: ast.stmt) -> ast.AST:
    """Of a statement that holds others its first line, else all of it."""
    body = getattr(statement, "body", None)
    return ast.copy_location(ast.Pass(), statement) if body is None else _until(statement, body[0])


def _until(statement: ast.stmt, first: ast.stmt) -> ast.AST:
    head = ast.copy_location(ast.Pass(), statement)
    head.end_lineno = max(statement.lineno, first.lineno - 1)
    return head


def _lines(node: ast.AST) -> range:
    first: int = node.lineno  # type: ignore[attr-defined]  # statements and expressions have them
    last: int | None = node.end_lineno  # type: ignore[attr-defined]  # the same
    return range(first, (last or first) + 1)
