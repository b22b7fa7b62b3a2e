"""A pickle followed symbolically: nothing is imported, looked up or called.

A pickle is a program for a stack machine. The few instructions that PyTorch emits for a dictionary of tensors
are carried out on plain values here. A global name stays a name, and a call is passed to a subclass, which knows
the names it allows. Any other instruction ends the reading.

A pickle can ask for far more memory than it has bytes, so everything is counted: see the limits. A container
that lies in another cannot be changed any more, so there are no cycles, and no value is ever walked in depth.

Source: the opcodes of protocol 2 in Python's `pickle` module.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NoReturn

from ....errors import show
from .pickle_stream import Stream
from .pickle_values import Global, Items, Map, kind_of

LONGEST_STRING = 1 << 16
MOST_OPCODES = 500_000  # 10,000 tensors take some 420,000
MOST_CONTAINERS = 100_000
DEEPEST_STACK = 10_000
LARGEST_MEMO = 100_000
DEEPEST_NESTING = 32

STOP = 0x2E
PROTOCOLS = (2, 3, 4, 5)  # the later ones differ in instructions that are refused where they occur
REFUSED = {
    0x30: "POP", 0x31: "POP_MARK", 0x32: "DUP", 0x42: "BINBYTES", 0x43: "SHORT_BINBYTES", 0x46: "FLOAT",
    0x49: "INT", 0x4C: "LONG", 0x50: "PERSID", 0x53: "STRING", 0x56: "UNICODE", 0x64: "DICT", 0x67: "GET",
    0x69: "INST", 0x6C: "LIST", 0x6F: "OBJ", 0x70: "PUT", 0x80: "PROTO", 0x81: "NEWOBJ", 0x82: "EXT1",
    0x83: "EXT2", 0x84: "EXT4", 0x8B: "LONG4", 0x8C: "SHORT_BINUNICODE", 0x8D: "BINUNICODE8", 0x8E: "BINBYTES8",
    0x8F: "EMPTY_SET", 0x90: "ADDITEMS", 0x91: "FROZENSET", 0x92: "NEWOBJ_EX", 0x93: "STACK_GLOBAL",
    0x94: "MEMOIZE", 0x95: "FRAME", 0x96: "BYTEARRAY8", 0x97: "NEXT_BUFFER", 0x98: "READONLY_BUFFER",
}  # fmt: skip


class Machine:
    """One pickle, run from the stream's place to its STOP.

    A subclass says which names are `allowed` (as they stand in the file, module and name on a line each, so that
    no other way to cut "a.b.c" in two passes for the same), and what `call` and `persistent` make of values.
    """

    allowed: dict[bytes, str] = {}  # noqa: RUF012 - never changed

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.stack: list[Any] = []
        self.marks: list[int] = []  # heights of the stack
        self.memo: dict[int, Any] = {}
        self.containers = 0
        self.opcode_at = stream.at

    def call(self, function: Global, args: Items) -> Any:
        self.fail("values only", f"a call of {function.name}")

    def persistent(self, identity: Any) -> Any:
        self.fail("values only", f"the persistent id {kind_of(identity)}")

    def run(self) -> Any:
        """The value of the pickle: None, a bool, number or string, Items, Map, Global, or the subclass's own."""
        header = self.stream.take(2)
        if header[0] != 0x80 or header[1] not in PROTOCOLS:
            self.fail("a pickle of protocol 2", f"bytes {header.hex(' ')}")
        for _ in range(MOST_OPCODES):
            self.opcode_at = self.stream.at
            code = self.stream.take(1)[0]
            if code == STOP:
                return self.result()
            operation = OPERATIONS.get(code)
            if operation is None:
                name = REFUSED.get(code, "no opcode at all")
                self.fail("an opcode that PyTorch writes for tensors", f"unsupported opcode 0x{code:02x} ({name})")
            operation(self)
            if len(self.stack) + len(self.marks) > DEEPEST_STACK:
                self.fail(f"a stack of at most {DEEPEST_STACK}", "more: the stack limit")
        self.fail(f"at most {MOST_OPCODES} opcodes", "more: the opcode limit")

    def result(self) -> Any:
        if len(self.stack) != 1 or self.marks:
            self.fail("one value at the end", f"{len(self.stack)} values and {len(self.marks)} marks")
        return self.stack[0]

    def fail(self, expected: str, got: str) -> NoReturn:
        self.stream.fail(expected, got, self.opcode_at)

    # The stack and the memo.

    def pop(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            self.fail("a value on the stack", "an empty stack")
        return self.stack.pop()

    def pop_last(self, count: int) -> list[Any]:
        return [self.pop() for _ in range(count)][::-1]

    def top(self) -> Any:
        value = self.pop()
        self.stack.append(value)
        return value

    def mark(self) -> None:
        self.marks.append(len(self.stack))

    def pop_to_mark(self) -> list[Any]:
        if not self.marks:
            self.fail("a mark on the stack", "none")
        height = self.marks.pop()
        values = self.stack[height:]
        del self.stack[height:]
        return values

    def memoize(self, index_bytes: int) -> None:
        if len(self.memo) >= LARGEST_MEMO:
            self.fail(f"a memo of at most {LARGEST_MEMO}", "more: the memo limit")
        self.memo[int.from_bytes(self.stream.take(index_bytes), "little")] = self.top()

    def recall(self, index_bytes: int) -> None:
        index = int.from_bytes(self.stream.take(index_bytes), "little")
        if index not in self.memo:
            self.fail("a memo entry set before", f"entry {index}, which is not")
        self.stack.append(self.memo[index])

    # Containers.

    def items(self, kind: str) -> Items:
        self.count_container()
        return Items(kind)

    def map(self, kind: str) -> Map:
        self.count_container()
        return Map(kind)

    def count_container(self) -> None:
        self.containers += 1
        if self.containers > MOST_CONTAINERS:
            self.fail(f"at most {MOST_CONTAINERS} lists, tuples and dictionaries", "more")

    def enclose(self, container: Items | Map, values: list[Any]) -> None:
        """The values are about to go into the container, and are never changed again."""
        for value in values:
            if value is container:
                self.fail("a container of other values", f"{kind_of(value)} in itself")
            if isinstance(value, (Items, Map)):
                value.fixed = True
                container.depth = max(container.depth, value.depth + 1)
        if container.depth > DEEPEST_NESTING:
            self.fail(f"containers nested at most {DEEPEST_NESTING} deep", "more: the depth limit")

    def push_tuple(self, values: list[Any]) -> None:
        items = self.items("tuple")
        self.enclose(items, values)
        items.extend(values)
        items.fixed = True
        self.stack.append(items)

    def append(self, values: list[Any]) -> None:
        target = self.top()
        if not isinstance(target, Items) or target.fixed:
            self.fail("a list that lies in no other container", kind_of(target))
        self.enclose(target, values)
        target.extend(values)

    def set_items(self, pairs: list[Any]) -> None:
        target = self.top()
        if not isinstance(target, Map) or target.fixed:
            self.fail("a dictionary that lies in no other container", kind_of(target))
        if len(pairs) % 2:
            self.fail("pairs of key and value", f"{len(pairs)} values")
        self.enclose(target, pairs)
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if type(key) is not str:
                self.fail("a string as key", kind_of(key))
            if key in target:
                self.fail("every key once", f"duplicate key {show(key, 60)}")
            target[key] = value

    def build(self) -> None:
        """The attributes of an OrderedDict. A state dict keeps version numbers of modules in them: no weights."""
        state, target = self.pop(), self.top()
        if not (isinstance(target, Map) and target.kind == "OrderedDict" and isinstance(state, Map)):
            self.fail("BUILD of an OrderedDict from a dict", f"of {kind_of(target)} from {kind_of(state)}")

    # Atoms.

    def push_number(self, form: str) -> None:
        self.stack.append(struct.unpack(form, self.stream.take(struct.calcsize(form)))[0])

    def push_long(self) -> None:
        length = self.stream.take(1)[0]
        if length > 8:
            self.fail("an integer of at most 8 bytes", f"one of {length}")
        self.stack.append(int.from_bytes(self.stream.take(length), "little", signed=True))

    def push_string(self, length_bytes: int) -> None:
        length = int.from_bytes(self.stream.take(length_bytes), "little")
        if length > LONGEST_STRING:
            self.fail(f"a string of at most {LONGEST_STRING} bytes", f"one of {length}")
        try:
            self.stack.append(self.stream.take(length).decode("utf-8"))
        except UnicodeDecodeError:
            self.fail("a string in UTF-8", "other bytes")

    # Names and calls.

    def push_global(self) -> None:
        lines = self.stream.line() + b"\n" + self.stream.line()
        if lines not in self.allowed:
            name = show(lines.replace(b"\n", b".").decode("latin-1"))
            self.fail("tensors only", f"global {name}, which is not allowed")
        self.stack.append(Global(self.allowed[lines]))

    def reduce(self) -> None:
        function, args = self.pop_last(2)
        if not (isinstance(function, Global) and isinstance(args, Items) and args.kind == "tuple"):
            self.fail("a name and a tuple to call it with", f"{kind_of(function)} and {kind_of(args)}")
        self.stack.append(self.call(function, args))


OPERATIONS: dict[int, Callable[[Machine], None]] = {
    0x28: lambda m: m.mark(),  # MARK
    0x29: lambda m: m.push_tuple([]),  # EMPTY_TUPLE
    0x47: lambda m: m.push_number(">d"),  # BINFLOAT
    0x4A: lambda m: m.push_number("<i"),  # BININT
    0x4B: lambda m: m.push_number("<B"),  # BININT1
    0x4D: lambda m: m.push_number("<H"),  # BININT2
    0x4E: lambda m: m.stack.append(None),  # NONE
    0x51: lambda m: m.stack.append(m.persistent(m.pop())),  # BINPERSID
    0x52: lambda m: m.reduce(),  # REDUCE
    0x54: lambda m: m.push_string(4),  # BINSTRING
    0x55: lambda m: m.push_string(1),  # SHORT_BINSTRING
    0x58: lambda m: m.push_string(4),  # BINUNICODE
    0x5D: lambda m: m.stack.append(m.items("list")),  # EMPTY_LIST
    0x61: lambda m: m.append(m.pop_last(1)),  # APPEND
    0x62: lambda m: m.build(),  # BUILD
    0x63: lambda m: m.push_global(),  # GLOBAL
    0x65: lambda m: m.append(m.pop_to_mark()),  # APPENDS
    0x68: lambda m: m.recall(1),  # BINGET
    0x6A: lambda m: m.recall(4),  # LONG_BINGET
    0x71: lambda m: m.memoize(1),  # BINPUT
    0x72: lambda m: m.memoize(4),  # LONG_BINPUT
    0x73: lambda m: m.set_items(m.pop_last(2)),  # SETITEM
    0x74: lambda m: m.push_tuple(m.pop_to_mark()),  # TUPLE
    0x75: lambda m: m.set_items(m.pop_to_mark()),  # SETITEMS
    0x7D: lambda m: m.stack.append(m.map("dict")),  # EMPTY_DICT
    0x85: lambda m: m.push_tuple(m.pop_last(1)),  # TUPLE1
    0x86: lambda m: m.push_tuple(m.pop_last(2)),  # TUPLE2
    0x87: lambda m: m.push_tuple(m.pop_last(3)),  # TUPLE3
    0x88: lambda m: m.stack.append(True),  # NEWTRUE
    0x89: lambda m: m.stack.append(False),  # NEWFALSE
    0x8A: lambda m: m.push_long(),  # LONG1
}
