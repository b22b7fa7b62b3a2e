"""What the pickle in a PyTorch file means: a dictionary of tensors, each a window on a run of stored elements.

Element [i, j, ...] of a tensor is element `offset + i * strides[0] + j * strides[1] + ...` of its storage. Two
tensors may share a storage, as a tied decoder does with the word embedding. Here a Storage and a Tensor only
describe where the elements lie; torch_tensors.py reads them.

Source: `torch/serialization.py` (persistent ids) and `torch/_utils.py` (what is called to rebuild a tensor).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ....errors import show
from ..tensors import (
    MOST_TENSORS,
    Entry,
    too_large,
)
from .pickle_machine import Machine
from .pickle_stream import Stream
from .pickle_values import Global, Items, Map, kind_of

STORAGES = {
    "torch.FloatStorage": "float32", "torch.DoubleStorage": "float64", "torch.HalfStorage": "float16",
    "torch.BFloat16Storage": "bfloat16", "torch.LongStorage": "int64", "torch.IntStorage": "int32",
    "torch.ShortStorage": "int16", "torch.CharStorage": "int8", "torch.ByteStorage": "uint8",
    "torch.BoolStorage": "bool",
}  # fmt: skip
CALLED = (
    "collections.OrderedDict",
    "torch.Size",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
)
WRAPPERS = ("state_dict", "model_state_dict", "model")


class Storage(NamedTuple):
    """A run of elements in the file, and the window [start, stop) of it that tensors may use."""

    key: str
    dtype: str
    elements: int
    start: int
    stop: int


class Tensor(NamedTuple):
    """A view of a storage; `offset` counts from the storage's first element. Every element lies inside."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def entry(self) -> Entry:
        return Entry(self.storage.dtype, self.shape)

    @property
    def is_row_major(self) -> bool:
        """Whether the elements lie in one piece and in order."""
        step = 1
        for size, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if size != 1 and stride != step:
                return False
            step *= size
        return True


class TorchMachine(Machine):
    """The pickle of tensors. A persistent id has 5 fields in zip files and 6 in legacy files, the last a view."""

    allowed = {  # noqa: RUF012 - never changed
        "\n".join(name.rsplit(".", 1)).encode(): name for name in (*CALLED, *STORAGES)
    }

    def __init__(self, stream: Stream, id_fields: int) -> None:
        super().__init__(stream)
        self.id_fields = id_fields
        self.storages: dict[str, Storage] = {}  # every one that was named, by key

    def call(self, function: Global, args: Items) -> Any:
        name = function.name.rpartition(".")[2]
        if name == "OrderedDict" and not args:
            return self.map("OrderedDict")
        if name == "Size" and len(args) == 1 and isinstance(args[0], Items):
            return args[0]
        if name == "_rebuild_parameter" and len(args) == 3 and isinstance(args[0], Tensor):
            return args[0]
        if name == "_rebuild_tensor" and len(args) == 4:
            return self.tensor(*args)
        # A seventh argument, metadata, can say that the elements are to be negated: only none is taken.
        if name == "_rebuild_tensor_v2" and len(args) in (6, 7) and not any(args[6:]):
            return self.tensor(*args[:4])
        self.fail(f"{function.name} as PyTorch calls it", f"{len(args)} arguments of other kinds")

    def persistent(self, identity: Any) -> Storage:
        """('storage', type, key, location, elements), in a legacy file also (view key, offset, size) or None."""
        known = isinstance(identity, Items) and len(identity) == self.id_fields and identity[0] == "storage"
        if not known:
            self.fail(f"a persistent id of {self.id_fields} fields for a storage", kind_of(identity))
        type_, key, _, elements = identity[1:5]
        dtype = STORAGES.get(type_.name) if isinstance(type_, Global) else None
        if dtype is None or type(key) is not str or not is_size(elements):
            got = f"{kind_of(type_)}, {kind_of(key)}, {kind_of(elements)}"
            self.fail("a storage type, a key and a number of elements of 0 or more", got)
        storage = Storage(key, dtype, elements, 0, elements)
        if self.storages.setdefault(key, storage) != storage:
            self.fail(f"storage {show(key, 40)} of one dtype and size", "another of the same key")
        view = identity[5] if self.id_fields == 6 else None
        return storage if view is None else self.window(storage, view)

    def window(self, storage: Storage, view: Any) -> Storage:
        if not (isinstance(view, Items) and len(view) == 3 and is_size(view[1]) and is_size(view[2])):
            self.fail("a view (key, offset, size)", kind_of(view))
        start, stop = view[1], view[1] + view[2]
        if stop > storage.elements:
            self.fail(f"a view within {storage.elements} elements", f"one that ends at {stop}")
        return storage._replace(start=start, stop=stop)

    def tensor(self, storage: Any, offset: Any, shape: Any, strides: Any) -> Tensor:
        if not (isinstance(storage, Storage) and is_size(offset) and is_sizes(shape) and is_sizes(strides)):
            got = ", ".join(kind_of(arg) for arg in (storage, offset, shape, strides))
            self.fail("a storage, an offset, a shape and strides of 0 or more", got)
        if len(shape) != len(strides):
            self.fail("a stride for each dimension", f"{len(strides)} for {len(shape)}")
        problem = too_large(shape)
        if problem:
            self.fail("a shape that fits in memory", problem)
        if any(stride == 0 and size > 1 for size, stride in zip(shape, strides, strict=True)):
            self.fail("strides above 0", "a stride of 0, which repeats elements")
        elements = math.prod(shape)
        last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        available = storage.stop - storage.start
        if elements and (last >= available or elements > available):
            expected = f"a tensor within the {available} elements of storage {show(storage.key, 40)}"
            self.fail(expected, f"one of {elements} that ends with element {show(last, 40)}")
        return Tensor(storage, storage.start + offset, tuple(shape), tuple(strides))


def is_size(value: object) -> bool:
    return type(value) is int and value >= 0


def is_sizes(value: object) -> bool:
    return isinstance(value, Items) and all(is_size(item) for item in value)


def state_dict(value: Any, stream: Stream) -> dict[str, Tensor]:
    """The tensors by name: the value itself, or what training programs wrap in `state_dict`, `model` or the like."""
    if isinstance(value, Map):
        inner = [value[name] for name in WRAPPERS if isinstance(value.get(name), Map)]
        value = inner[0] if inner else value
    if not isinstance(value, Map):
        stream.fail("a dictionary of tensors", kind_of(value))
    others = [name for name, item in value.items() if not isinstance(item, Tensor)]
    if others or not value:
        keys = ", ".join(show(name, 30) for name in list(value)[:5]) or "none"
        stream.fail("a dictionary of tensors", f"one of {len(value)} keys, not all of tensors: {keys}")
    if len(value) > MOST_TENSORS:
        stream.fail(f"at most {MOST_TENSORS} tensors", str(len(value)))
    return value
