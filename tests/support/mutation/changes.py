"""The changes of a function: a copy of its syntax tree for each, with one operator, constant, name or line changed."""

from __future__ import annotations

import ast
import copy
import inspect
import itertools
import textwrap
import typing
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div)
COMPARISONS = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
# Functions and methods that are easily taken for each other. Not everything to everything: most of it would not run.
FUNCTIONS = {
    "sum": ("mean", "max"),
    "mean": ("sum",),
    "max": ("min",),
    "min": ("max",),
    "exp": ("expm1", "log"),
    "log": ("exp",),
    "sqrt": ("square",),
    "tanh": ("sin",),
    "zeros": ("ones",),
    "zeros_like": ("ones_like",),
    "ones": ("zeros",),
    "ones_like": ("zeros_like",),
    "multiply": ("add", "divide"),
    "divide": ("multiply",),
    "add": ("subtract", "multiply"),
    "subtract": ("add",),
    "arange": ("ones",),
    "forward": ("backward",),
}
TRANSPOSES = ("T", "swapaxes", "transpose")


class Change(NamedTuple):
    """One change. Its key does not depend on line numbers, so it survives edits elsewhere in the file."""

    function: str  # "blocks.linear.backward"
    kind: str
    before: str  # the changed statement as it stood
    after: str
    tree: ast.FunctionDef  # the changed function

    @property
    def key(self) -> str:
        return f"{self.function}: {self.before} -> {self.after}"


class _Place(NamedTuple):
    """Where a node hangs in the tree: in a field of its parent, or in a list there."""

    parent: ast.AST
    field: str
    index: int | None

    def get(self) -> Any:
        value = getattr(self.parent, self.field)
        return value if self.index is None else value[self.index]

    def put(self, node: Any) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def changes(name: str, tree: ast.FunctionDef, module: ModuleType) -> list[Change]:
    """All changes of a function, each once. name: what the function is called in reports and keys; tree: see parsed;
    module: where it is, for what its names mean.
    """
    different: dict[tuple[int, str], Change] = {}
    for number, place in enumerate(_statements(tree)):
        before = _header(place.get())
        if isinstance(place.get(), ast.Expr) and isinstance(place.get().value, ast.Constant):
            continue  # the docstring of an inner function
        for kind, after, changed in _statement_changes(tree, place, module):
            if after != before:
                different.setdefault((number, after), Change(name, kind, before, after, changed))
    return list(different.values())


def parsed(function: FunctionType) -> ast.FunctionDef:
    """The syntax tree of a function without its docstring."""
    [tree] = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(tree, ast.FunctionDef)
    if ast.get_docstring(tree) is not None:
        del tree.body[0]
    return tree


def _statements(tree: ast.AST) -> Iterator[_Place]:
    """Every statement below a node, those in loops, branches and inner functions too, in order."""
    for field in ("body", "orelse", "finalbody"):
        for index, _ in enumerate(getattr(tree, field, [])):
            if isinstance(getattr(tree, field), list):
                place = _Place(tree, field, index)
                yield place
                yield from _statements(place.get())


def _header(statement: ast.stmt) -> str:
    """The statement without the statements inside it."""
    if not hasattr(statement, "body"):
        return ast.unparse(statement)
    shallow = copy.copy(statement)
    for field in ("body", "orelse"):
        if hasattr(shallow, field):
            setattr(shallow, field, [])
    return ast.unparse(shallow)


def _statement_changes(
    tree: ast.FunctionDef, place: _Place, module: ModuleType
) -> Iterator[tuple[str, str, ast.FunctionDef]]:
    """(kind, the statement after the change, the whole function after it)"""
    statement = place.get()

    def changed(at: _Place, node: Any) -> tuple[str, ast.FunctionDef]:
        old = at.get()
        at.put(node)
        after, whole = _header(place.get()) if at is not place else "", ast.fix_missing_locations(copy.deepcopy(tree))
        at.put(old)
        return after, whole

    yield "line", "(deleted)", changed(place, ast.Pass())[1]
    if isinstance(statement, (ast.AugAssign, ast.Expr)):
        twice = ast.If(ast.Constant(True), [statement, statement], [])
        yield "line", "(twice)", changed(place, twice)[1]
    known, kinds = _known_before(tree, statement), _kinds_by_place(statement)
    for at in _expressions(statement):
        for kind, node in _node_changes(at, known, module):
            yield (kinds.get(id(at.get()), kind), *changed(at, node))
    if isinstance(statement, ast.AugAssign):
        for operator in _other_operators(statement.op):
            yield ("operator", *changed(_Place(statement, "op", None), operator))
        plain = ast.Assign([statement.target], statement.value)
        yield "operator", ast.unparse(ast.fix_missing_locations(copy.deepcopy(plain))), changed(place, plain)[1]
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple):
        for swapped in _swapped(statement.targets[0].elts):
            target = ast.Tuple(swapped, ast.Store())
            yield ("name", *changed(_Place(statement, "targets", 0), target))


def _expressions(node: ast.AST) -> Iterator[_Place]:
    """Every expression of a statement, without the statements inside it, targets and annotations."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "args") and isinstance(node, (ast.AnnAssign, ast.FunctionDef)):
            continue
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(child, ast.AST) or isinstance(child, ast.stmt):
                continue
            place = _Place(node, field, index if isinstance(value, list) else None)
            if isinstance(child, ast.expr) and not isinstance(getattr(child, "ctx", None), ast.Store):
                yield place
            yield from _expressions(child)


def _kinds_by_place(statement: ast.stmt) -> dict[int, str]:
    """ "axis" or "transpose" for the nodes that say along which axes something is done, whatever is changed in them."""
    kinds = {}
    for node in ast.walk(statement):
        if isinstance(node, ast.keyword) and node.arg in ("axis", "keepdims"):
            kinds |= {id(part): "axis" for part in ast.walk(node.value)}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TRANSPOSES:
            kinds |= {id(part): "transpose" for argument in node.args for part in ast.walk(argument)}
    return kinds


def _node_changes(at: _Place, known: list[str], module: ModuleType) -> Iterator[tuple[str, ast.expr]]:
    """(kind, what stands in place of the expression)"""
    node = at.get()
    change = _CHANGES.get(type(node))
    if change is not None:
        for kind, other in change(node, known, module):
            if not (isinstance(at.parent, ast.UnaryOp) and ast.unparse(other).startswith("-")):  # --1
                yield kind, other
    if isinstance(at.parent, (ast.Subscript, ast.Tuple)) and isinstance(node, ast.Constant) and node.value is None:
        yield "axis", ast.Constant(0)
    if isinstance(at.parent, ast.BinOp) and isinstance(at.parent.op, ast.MatMult):
        minus = [ast.UnaryOp(ast.USub(), ast.Constant(n)) for n in (1, 2)]
        yield "transpose", ast.Call(ast.Attribute(node, "swapaxes", ast.Load()), minus, [])


def _binary(node: ast.BinOp, known: list[str], module: ModuleType) -> Iterator[tuple[str, ast.expr]]:
    for operator in _other_operators(node.op):
        yield "operator", ast.BinOp(node.left, operator, node.right)
    if isinstance(node.op, (ast.Sub, ast.Div, ast.MatMult)):
        yield "operator", ast.BinOp(node.right, node.op, node.left)
    yield "operator", node.left
    yield "operator", node.right


def _other_operators(operator: ast.operator) -> list[ast.operator]:
    if isinstance(operator, ARITHMETIC):
        return [other() for other in ARITHMETIC if not isinstance(operator, other)]
    return [ast.Mult()]


def _unary(node: ast.UnaryOp, known: list[str], module: ModuleType) -> Iterator[tuple[str, ast.expr]]:
    yield "operator", node.operand


def _comparison(node: ast.Compare, known: list[str], module: ModuleType) -> Iterator[tuple[str, ast.expr]]:
    for i, operator in enumerate(node.ops):
        for other in COMPARISONS[type(operator)]:
            yield "operator", ast.Compare(node.left, [*node.ops[:i], other(), *node.ops[i + 1 :]], node.comparators)


def _boolean(node: ast.BoolOp, known: list[str], module: ModuleType) -> Iterator[tuple[str, ast.expr]]:
    yield "operator", ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    for value in node.values:
        yield "operator", value


def _conditional(node: ast.IfExp, known: list[str], module: ModuleType) -> Iterator[tuple[str, ast.expr]]:
    yield "operator", node.body
    yield "operator", node.orelse


def _constant(node: ast.Constant, known: list[str], module: ModuleType) -> Iterator[tuple[str, ast.expr]]:
    value = node.value
    others: tuple[Any, ...] = ()
    if isinstance(value, bool):
        others = (not value,)
    elif isinstance(value, int):
        others = (value + 1, value - 1, -value)
    elif isinstance(value, float):
        others = (2.0 * value, -value, 0.0, value + 1.0)
    elif isinstance(value, str):
        others = ("another",)
    for other in others:
        if other != value:
            yield "constant", ast.Constant(other)


def _name(node: ast.Name, known: list[str], module: ModuleType) -> Iterator[tuple[str, ast.expr]]:
    if node.id in known:
        alternatives = known
    elif isinstance(getattr(module, node.id, None), ModuleType):
        alternatives = [name for name, value in vars(module).items() if _is_block(value)] if node.id != "np" else []
    else:
        alternatives = []
    for other in alternatives:
        if other != node.id and _is_cache(other) == _is_cache(node.id):
            yield "name", ast.Name(other, ast.Load())


def _is_cache(name: str) -> bool:
    """An array in place of a cache, or the other way about, only raises."""
    return name.endswith("cache")


def _is_block(value: Any) -> bool:
    return isinstance(value, ModuleType) and hasattr(value, "backward")


def _attribute(node: ast.Attribute, known: list[str], module: ModuleType) -> Iterator[tuple[str, ast.expr]]:
    for other in FUNCTIONS.get(node.attr, ()):
        yield "name", ast.Attribute(node.value, other, ast.Load())
    if node.attr in (*TRANSPOSES, "real"):
        yield "transpose" if node.attr == "T" else "name", node.value
    for field in getattr(_type_of(node.value, module), "_fields", ()):
        if field != node.attr:
            yield "name", ast.Attribute(node.value, field, ast.Load())


def _type_of(node: ast.expr, module: ModuleType) -> Any:
    """The NamedTuple that an expression such as `cache.attention` is, as the annotations say."""
    if isinstance(node, ast.Name) and node.id == "cache":
        return getattr(module, "Cache", None)
    if not isinstance(node, ast.Attribute):
        return None
    owner = _type_of(node.value, module)
    hint = typing.get_type_hints(owner).get(node.attr) if owner is not None else None
    return next((kind for kind in (hint, *typing.get_args(hint)) if hasattr(kind, "_fields")), None)


def _call(node: ast.Call, known: list[str], module: ModuleType) -> Iterator[tuple[str, ast.expr]]:
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    kind = "transpose" if called in TRANSPOSES else "call"
    for i, keyword in enumerate(node.keywords):
        axis = "axis" if keyword.arg in ("axis", "keepdims") else "call"
        yield axis, ast.Call(node.func, node.args, [*node.keywords[:i], *node.keywords[i + 1 :]])
    for swapped in _swapped(node.args):
        yield kind, ast.Call(node.func, swapped, node.keywords)
    if isinstance(node.func, ast.Attribute) and not _names_a_module(node.func.value, module):
        yield kind, node.func.value  # x.reshape(...) -> x
    elif node.args and not isinstance(node.args[0], ast.Starred):
        yield kind, node.args[0]  # np.exp(x) -> x
    if len(node.args) > 1:
        yield kind, ast.Call(node.func, node.args[:-1], node.keywords)


def _names_a_module(node: ast.expr, module: ModuleType) -> bool:
    while isinstance(node, ast.Attribute):  # np.add.at
        node = node.value
    return isinstance(node, ast.Name) and isinstance(getattr(module, node.id, None), ModuleType)


def _subscript(node: ast.Subscript, known: list[str], module: ModuleType) -> Iterator[tuple[str, ast.expr]]:
    yield "axis", node.value


def _tuple(node: ast.Tuple, known: list[str], module: ModuleType) -> Iterator[tuple[str, ast.expr]]:
    for swapped in _swapped(node.elts):
        yield "axis" if any(isinstance(part, ast.Slice) for part in node.elts) else "name", ast.Tuple(swapped, node.ctx)


def _swapped(parts: list[Any]) -> Iterator[list[Any]]:
    """The list with two of its members in each other's place, for every two that are not of two kinds."""
    for i, k in itertools.combinations(range(len(parts)), 2):
        if _is_cache(ast.unparse(parts[i])) == _is_cache(ast.unparse(parts[k])):
            yield [*parts[:i], parts[k], *parts[i + 1 : k], parts[i], *parts[k + 1 :]]


def _known_before(tree: ast.FunctionDef, statement: ast.stmt) -> list[str]:
    """Arguments, and names that are assigned above a statement."""
    known = {arg.arg: None for node in ast.walk(tree) if isinstance(node, ast.arguments) for arg in node.args}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.lineno < statement.lineno:
            known[node.id] = None
    for node in ast.walk(statement):
        if isinstance(node, ast.comprehension):
            known |= {name.id: None for name in ast.walk(node.target) if isinstance(name, ast.Name)}
    return list(known)


_CHANGES: dict[type, Callable[..., Iterator[tuple[str, ast.expr]]]] = {
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.Compare: _comparison,
    ast.BoolOp: _boolean,
    ast.IfExp: _conditional,
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.Subscript: _subscript,
    ast.Tuple: _tuple,
}
