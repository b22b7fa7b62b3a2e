"""The pickle of tensors: what PyTorch writes is understood, and nothing else has any effect but an error."""

import math
import struct
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.hostile_files import (
    ONE_TENSOR,
    ORDERED,
    Scratch,
    assert_refused_under_limits,
    dict_of,
    name,
    number,
    numbers,
    pickled,
    storage,
    tensor,
    text,
    torch_zip,
    tuple_of,
)

from numpy_bert.checkpoints.formats.torch import pickle_machine, pickle_stream
from numpy_bert.checkpoints.formats.torch.pickle_stream import Stream
from numpy_bert.checkpoints.formats.torch.unpickle import Storage, Tensor, TorchMachine, state_dict
from numpy_bert.errors import Error
from numpy_bert.files.reading import File

STORAGE = Storage("0", "float32", 6, 0, 6)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return Scratch(tmp_path_factory.mktemp("pickles") / "data.pkl")


@pytest.fixture
def run(scratch):
    def run(data, id_fields=5):
        with File(scratch.put(data)) as file:
            return TorchMachine(Stream(file, 0, file.size, "data.pkl"), id_fields).run()

    return run


@pytest.fixture
def tensors(scratch):
    def tensors(value):
        with File(scratch.put(pickled(value))) as file:
            stream = Stream(file, 0, file.size, "data.pkl")
            return state_dict(TorchMachine(stream, 5).run(), stream)

    return tensors


# What is understood

ATOMS = {
    "none": (b"N", None),
    "true": (b"\x88", True),
    "false": (b"\x89", False),
    "one byte": (b"K\xff", 255),
    "two bytes": (b"M\xff\xff", 65535),
    "four bytes": (b"J\xff\xff\xff\xff", -1),
    "long of none": (b"\x8a\0", 0),
    "long": (b"\x8a\x08" + b"\xff" * 7 + b"\x7f", 2**63 - 1),
    "negative long": (b"\x8a\x01\x80", -128),
    "float": (b"G" + struct.pack(">d", 1e-12), 1e-12),
    "text": (text("über"), "über"),
    "short string": (b"U\x02ab", "ab"),
    "string": (b"T\2\0\0\0ab", "ab"),
    "empty list": (b"]", []),
    "list": (b"](K\1K\2e", [1, 2]),
    "appended": (b"]K\1a", [1]),
    "empty tuple": (b")", []),
    "tuples": (b"K\1\x85K\2K\3\x86K\4K\5K\6\x87(tt", None),
    "dict": (b"}(X\1\0\0\0aK\1u", {"a": 1}),
    "one item": (b"}X\1\0\0\0aK\1s", {"a": 1}),
    "memo": (b"]q\0h\0\x86", None),
    "long memo": (b"K\7r\xff\xff\xff\xffj\xff\xff\xff\xff\x86", [7, 7]),
    "ordered": (ORDERED, {}),
    "attributes": (ORDERED + b"}b", {}),
    "size": (name("torch", "Size") + tuple_of(numbers(2, 3)) + b"R", [2, 3]),
}


@pytest.mark.parametrize("atom", [key for key, (_, value) in ATOMS.items() if value is not None])
def test_values(atom, run):
    code, value = ATOMS[atom]
    result = run(pickled(code))
    assert result == value
    assert isinstance(result, (list, dict)) or type(result) is type(value)


def test_tensors(run):
    assert run(ONE_TENSOR) == {"a": Tensor(STORAGE, 0, (2, 3), (3, 1))}
    parameter = name("torch._utils", "_rebuild_parameter") + tuple_of(tensor(storage()), b"\x88", ORDERED) + b"R"
    assert run(pickled(parameter)) == Tensor(STORAGE, 0, (2, 3), (3, 1))
    old = name("torch._utils", "_rebuild_tensor") + tuple_of(storage(), number(1), numbers(5), numbers(1)) + b"R"
    assert run(pickled(old)) == Tensor(STORAGE, 1, (5,), (1,))
    assert run(pickled(tensor(storage(), (), (), 5))) == Tensor(STORAGE, 5, (), ())
    assert run(pickled(tensor(storage(), (3, 2), (1, 3)))) == Tensor(STORAGE, 0, (3, 2), (1, 3))
    assert run(pickled(tensor(storage(), (1, 6), (2**40, 1)))).is_row_major


def test_views_of_a_legacy_storage_are_windows(run):
    view = tuple_of(text("view"), number(2), number(3))
    result = run(pickled(tensor(storage(view=view), (3,), (1,))), 6)
    assert result == Tensor(STORAGE._replace(start=2, stop=5), 2, (3,), (1,))
    with pytest.raises(Error, match="a tensor within the 3 elements"):
        run(pickled(tensor(storage(view=view), (4,), (1,))), 6)
    with pytest.raises(Error, match="a view within 6 elements, got one that ends at 7"):
        run(pickled(storage(view=tuple_of(text("view"), number(4), number(3)))), 6)
    with pytest.raises(Error, match="a view"):
        run(pickled(storage(view=numbers(1, 2, -3))), 6)


@pytest.mark.parametrize(
    ("shape", "strides", "row_major"),
    [((2, 3), (3, 1), True), ((2, 3), (1, 2), False), ((3,), (2,), False), ((1, 3), (9, 1), True), ((), (), True)],
)
def test_row_major(shape, strides, row_major):
    assert Tensor(STORAGE, 0, shape, strides).is_row_major == row_major


def test_wrappers_are_taken_off(tensors):
    inner = dict_of(a=tensor(storage()))
    for wrapper in ("state_dict", "model", "model_state_dict"):
        wrapped = dict_of(**{"epoch": number(3), wrapper: inner, "optimizer": dict_of(rate=b"N")})
        assert tensors(wrapped).keys() == {"a"}
    assert tensors(dict_of(model=tensor(storage()))).keys() == {"model"}


def test_other_contents_are_told_by_their_keys(tensors):
    with pytest.raises(Error, match="one of 3 keys, not all of tensors: 'epoch', 'a', 'b'"):
        tensors(dict_of(epoch=number(3), a=tensor(storage()), b=b"N"))
    with pytest.raises(Error, match="got list of 0"):
        tensors(b"]")
    with pytest.raises(Error, match="got one of 0 keys"):
        tensors(b"}")
    with pytest.raises(Error, match="got Tensor"):
        tensors(tensor(storage()))


# What is refused: name -> (the pickle, words of the message)

NOT_ALLOWED = "which is not allowed"
CALL = tuple_of(text("touch canary")) + b"R"
DEEP = 100_000


def call_of(module, attribute):
    return name(module, attribute) + CALL


HOSTILE = {
    "os.system": (call_of("os", "system"), "byte 2: expected tensors only, got global 'os.system', " + NOT_ALLOWED),
    "posix": (call_of("posix", "system"), "'posix.system', " + NOT_ALLOWED),
    "nt": (call_of("nt", "system"), "'nt.system', " + NOT_ALLOWED),
    "eval": (call_of("builtins", "eval"), "'builtins.eval', " + NOT_ALLOWED),
    "old eval": (call_of("__builtin__", "eval"), "'__builtin__.eval', " + NOT_ALLOWED),
    "nested pickle": (call_of("torch.storage", "_load_from_bytes"), "'torch.storage._load_from_bytes'"),
    "numpy": (call_of("numpy.core.multiarray", "_reconstruct"), "'numpy.core.multiarray._reconstruct'"),
    "getattr": (call_of("builtins", "getattr"), "'builtins.getattr'"),
    "dotted": (call_of("collections", "OrderedDict.fromkeys.__globals__"), "'collections.OrderedDict.fromkeys.__glob"),
    "cut elsewhere": (call_of("torch", "_utils._rebuild_tensor_v2"), NOT_ALLOWED),
    "cut elsewhere too": (call_of("torch._utils._rebuild_tensor_v2", ""), NOT_ALLOWED),
    "no module": (b"c\nOrderedDict\n", "'.OrderedDict'"),
    "spaces": (call_of("collections ", "OrderedDict"), NOT_ALLOWED),
    "carriage return": (b"ccollections\r\nOrderedDict\r\n", NOT_ALLOWED),
    "not ASCII": ("cco\u0142lections\nOrderedDict\n".encode(), NOT_ALLOWED),
    "control characters": (b"c\x1b[31m\nx\n", "'\\x1b[31m.x'"),
    "no newline": (b"c" + b"a" * 200, "a name that ends within 256 bytes"),
    "name of 1 MB": (b"c" + b"a" * 2**20 + b"\n\n", "a name that ends within 256 bytes"),
    "code first, then nonsense": (call_of("os", "system") + b"\xff\xff\xff", "'os.system'"),
    "nonsense first": (b"\xff" + call_of("os", "system"), "unsupported opcode 0xff (no opcode at all)"),
    "STACK_GLOBAL": (text("os") + text("system") + b"\x93", "byte 20: expected an opcode that PyTorch writes"),
    "STACK_GLOBAL by name": (text("os") + text("system") + b"\x93", "unsupported opcode 0x93 (STACK_GLOBAL)"),
    "INST": (b"(ios\nsystem\n", "0x69 (INST)"),
    "OBJ": (b"(" + name("collections", "OrderedDict") + b"o", "0x6f (OBJ)"),
    "EXT1": (b"\x82\1", "0x82 (EXT1)"),
    "EXT4": (b"\x84\1\0\0\0", "0x84 (EXT4)"),
    "PERSID": (b"Pstorage\n", "0x50 (PERSID)"),
    "NEWOBJ": (name("collections", "OrderedDict") + b")\x81", "0x81 (NEWOBJ)"),
    "NEWOBJ_EX": (name("collections", "OrderedDict") + b")}\x92", "0x92 (NEWOBJ_EX)"),
    "DUP": (b"N2", "0x32 (DUP)"),
    "POP": (b"N0", "0x30 (POP)"),
    "FRAME": (b"\x95" + struct.pack("<Q", 2**62), "0x95 (FRAME)"),
    "MEMOIZE": (b"N\x94", "0x94 (MEMOIZE)"),
    "BINBYTES8": (b"\x8e" + struct.pack("<Q", 2**40), "0x8e (BINBYTES8)"),
    "BYTEARRAY8": (b"\x96" + struct.pack("<Q", 2**40), "0x96 (BYTEARRAY8)"),
    "NEXT_BUFFER": (b"\x97", "0x97 (NEXT_BUFFER)"),
    "PROTO again": (b"\x80\2N", "0x80 (PROTO)"),
    "BUILD of a list": (b"]}b", "BUILD of an OrderedDict"),
    "BUILD of a dict": (b"}}b", "BUILD of an OrderedDict"),
    "BUILD from a tuple": (ORDERED + b")b", "BUILD of an OrderedDict"),
    "BUILD of a name": (name("torch", "Size") + b"}b", "got of the name torch.Size"),
    "BUILD of a tensor": (tensor(storage()) + b"}b", "got of Tensor"),
    "string of 4 GiB": (b"X\xff\xff\xff\xff", "a string of at most 65536 bytes, got one of 4294967295"),
    "string beyond the end": (b"X\x10\0\0\0abc", "expected 16 more bytes, got a truncated pickle, 4 are left"),
    "string of negative length": (b"T\xff\xff\xff\xff", "got one of 4294967295"),
    "not UTF-8": (b"U\1\xff", "a string in UTF-8"),
    "long of 9 bytes": (b"\x8a\x09" + bytes(9), "an integer of at most 8 bytes, got one of 9"),
    "marks": (b"(" * 20_000, "the stack limit"),
    "values": (b"N" * 20_000, "the stack limit"),
    "deep tuples": (b")" + b"\x85" * DEEP, "the depth limit"),
    "deep lists": (b"]" + b"q\0](h\0e" * DEEP, "the depth limit"),
    "deep lists from within": (b"](" * DEEP, "the stack limit"),
    "deep dicts": (b"}" + b"q\0}X\1\0\0\0ah\0s" * DEEP, "the depth limit"),
    "list grown from outside": (b"]q\0" + b"]q\1h\0h\1ah\1q\0" * 50, "a list that lies in no other container"),
    "list in itself": (b"]q\0h\0a", "got list of 0 in itself"),
    "dict grown from outside": (b"}q\0}q\1X\1\0\0\0ah\0sh\0X\1\0\0\0bNs", "a dictionary that lies in no other"),
    "dict in itself": (b"}q\0X\1\0\0\0ah\0s", "got dict of 0 in itself"),
    "list in a list in itself": (b"]q\0]q\1h\0ah\0h\1a", "a list that lies in no other container"),
    "containers": (b"](" + b")" * 9_000 + b"e" + b"](" * 1 + (b")" * 9_000 + b"e](") * 20, "at most 100000 lists"),
    "opcodes": (b"]" + b"Na" * 300_000, "at most 500000 opcodes"),
    "memo": (b"N" + b"".join(b"r" + struct.pack("<I", i) for i in range(100_001)), "the memo limit"),
    "empty stack": (b"\x85", "an empty stack"),
    "empty stack at APPEND": (b"a", "an empty stack"),
    "empty stack at BINPUT": (b"q\0", "an empty stack"),
    "empty stack at REDUCE": (b"R", "an empty stack"),
    "below the mark": (b"N(\x85", "an empty stack"),
    "no mark": (b"t", "a mark on the stack, got none"),
    "memo not set": (b"h\7", "entry 7, which is not"),
    "memo not set, long": (b"j\xff\xff\xff\xff", "entry 4294967295"),
    "odd items": (b"}(Nu", "pairs of key and value, got 1 values"),
    "key is a number": (b"}K\1Ns", "a string as key, got 1"),
    "key is a tuple": (b"})Ns", "a string as key, got tuple of 0"),
    "key is a tensor": (b"}" + tensor(storage()) + b"Ns", "a string as key, got Tensor"),
    "key twice": (b"}(X\1\0\0\0aNX\1\0\0\0aNu", "duplicate key 'a'"),
    "SETITEM on a list": (b"]X\1\0\0\0aNs", "a dictionary that lies in no other container, got list of 0"),
    "SETITEM on a tensor": (tensor(storage()) + b"X\1\0\0\0aNs", "got Tensor"),
    "APPEND to a tuple": (b")Na", "a list that lies in no other container, got tuple of 0"),
    "APPEND to a dict": (b"}Na", "got dict of 0"),
    "APPEND to a string": (text("a") + b"Na", "got 'a'"),
    "calling a string": (text("a") + b")R", "a name and a tuple to call it with, got 'a' and tuple of 0"),
    "calling with a list": (name("collections", "OrderedDict") + b"]R", "and list of 0"),
    "calling a storage type": (name("torch", "FloatStorage") + CALL, "torch.FloatStorage as PyTorch calls it"),
    "OrderedDict of items": (name("collections", "OrderedDict") + tuple_of(b"]") + b"R", "OrderedDict as PyTorch"),
    "Size of a number": (name("torch", "Size") + numbers(3) + b"R", "torch.Size as PyTorch calls it"),
    "tensor without arguments": (name("torch._utils", "_rebuild_tensor_v2") + b")R", "_v2 as PyTorch calls it"),
    "negated tensor": (
        name("torch._utils", "_rebuild_tensor_v2")
        + tuple_of(storage(), number(0), numbers(6), numbers(1), b"\x89", ORDERED, dict_of(neg=b"\x88"))
        + b"R",
        "_v2 as PyTorch calls it",
    ),
    "parameter of a list": (name("torch._utils", "_rebuild_parameter") + b"]\x88N\x87R", "as PyTorch calls it"),
    "id a string": (text("storage") + b"Q", "a persistent id of 5 fields"),
    "id a number": (b"K\1Q", "a persistent id of 5 fields"),
    "id of four": (tuple_of(text("storage"), b"N", b"N", b"N") + b"Q", "a persistent id of 5 fields"),
    "id of six": (storage(view=b"N"), "a persistent id of 5 fields"),
    "id of a module": (tuple_of(text("module"), b"N", b"N", b"N", b"N") + b"Q", "a persistent id of 5 fields"),
    "id with a string as type": (
        tuple_of(text("storage"), text("torch.FloatStorage"), text("0"), text("cpu"), number(6)) + b"Q",
        "a storage type, a key",
    ),
    "id with a number as key": (
        tuple_of(text("storage"), name("torch", "FloatStorage"), number(0), text("cpu"), number(6)) + b"Q",
        "a storage type, a key",
    ),
    "id with a wrong name": (
        tuple_of(text("storage"), name("torch", "Size"), text("0"), text("cpu"), number(6)) + b"Q",
        "got the name torch.Size, '0', 6",
    ),
    "elements -1": (storage(elements=-1), "elements of 0 or more, got the name torch.FloatStorage, '0', -1"),
    "elements true": (
        tuple_of(text("storage"), name("torch", "FloatStorage"), text("0"), text("cpu"), b"\x88") + b"Q",
        "'0', True",
    ),
    "storage of two dtypes": (tuple_of(storage("Float"), storage("Int")), "storage '0' of one dtype and size"),
    "storage of two sizes": (tuple_of(storage(elements=6), storage(elements=5)), "storage '0' of one dtype and size"),
    "tensor of a string": (tensor(text("0")), "a storage, an offset, a shape and strides"),
    "offset -1": (tensor(storage(), offset=-1), "a storage, an offset, a shape and strides"),
    "size -1": (tensor(storage(), (-1, 6)), "a storage, an offset, a shape and strides"),
    "stride -1": (tensor(storage(), (2, 3), (-3, 1)), "a storage, an offset, a shape and strides"),
    "rank 9": (tensor(storage(), (1,) * 9, (1,) * 9), "9 dimensions, more than 8"),
    "one stride": (tensor(storage(), (2, 3), (1,)), "a stride for each dimension, got 1 for 2"),
    "stride 0": (tensor(storage(), (10**6, 10**6), (0, 0)), "a stride of 0, which repeats elements"),
    "stride 0 once": (tensor(storage(), (2, 3), (0, 1)), "a stride of 0"),
    "one element too many": (tensor(storage(), (7,), (1,)), "the 6 elements of storage '0', got one of 7"),
    "offset too great": (tensor(storage(), offset=1), "one of 6 that ends with element 6"),
    "offset 2^62": (tensor(storage(), offset=2**62), "that ends with element 4611686018427387909"),
    "stride 2^62": (tensor(storage(), (2, 3), (2**62, 1)), "that ends with element"),
    "elements that overlap": (tensor(storage(), (3, 3), (1, 1)), "one of 9 that ends with element 4"),
    "size 2^62 beside 0": (tensor(storage(), (0, 2**62), (1, 1)), "more elements than memory has addresses"),
    "two values": (b"NN", "one value at the end, got 2 values and 0 marks"),
    "no value": (b"", "one value at the end, got 0 values"),
    "open mark": (b"(N", "one value at the end, got 1 values and 1 marks"),
}  # fmt: skip
CUT = {
    "empty": (b"", "expected 2 more bytes, got a truncated pickle"),
    "no PROTO": (b"}.", "a pickle of protocol 2, got bytes 7d 2e"),
    "protocol 1": (b"\x80\1}.", "a pickle of protocol 2"),
    "protocol 9": (b"\x80\x09}.", "a pickle of protocol 2"),
    "no STOP": (ONE_TENSOR[:-1], "truncated pickle, 0 are left"),
    "text": (b"(dp0\nS'a'\n.", "a pickle of protocol 2"),
}
ALL = {**{key: (pickled(code), words) for key, (code, words) in HOSTILE.items()}, **CUT}


@pytest.mark.parametrize("key", ALL)
def test_hostile_pickle(key, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data, words = ALL[key]
    started = time.process_time()
    with pytest.raises(Error) as caught:
        run(data)
    assert time.process_time() - started < 2
    message = str(caught.value)
    assert words in message
    assert message.isprintable()
    assert len(message) <= 300
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits are Linux's")
def test_hostile_pickles_under_limits(tmp_path):
    cases = [(torch_zip(data), words) for data, words in ALL.values()]
    assert_refused_under_limits("torch.archive", cases, tmp_path)


def test_messages_never_write_out_a_container(run):
    """A tuple of the same tuple twice, 31 times over, has 2^31 leaves."""
    bomb = b")" + b"q\0h\0\x86" * 30
    for use in (b"}" + bomb + b"Ns", bomb + b"Na", bomb + b"Q", bomb + b")R", tensor(bomb), ORDERED + bomb + b"b"):
        started = time.process_time()
        with pytest.raises(Error, match="tuple of 2"):
            run(pickled(use))
        assert time.process_time() - started < 1


def test_a_window_that_moves(run, monkeypatch):
    """The same value whatever part of the file is in memory."""
    value = pickled(dict_of(**{f"k{i}": tensor(storage(key=str(i)), offset=0) for i in range(20)}))
    whole = run(value)
    for window in (1, 2, 7, 64):
        monkeypatch.setattr(pickle_stream, "WINDOW", window)
        assert run(value) == whole


def test_cut_at_every_byte(run):
    for length in range(len(ONE_TENSOR)):
        with pytest.raises(Error, match=r"truncated|a pickle of protocol 2"):
            run(ONE_TENSOR[:length])


def check_tensors(value):
    """Every tensor anywhere in the value lies in its storage."""
    if isinstance(value, Tensor):
        last = value.offset + sum((n - 1) * s for n, s in zip(value.shape, value.strides, strict=True))
        assert math.prod(value.shape) == 0 or value.storage.start <= value.offset <= last < value.storage.stop
        assert value.storage.stop <= value.storage.elements
    elif isinstance(value, (list, dict)):
        for item in value if isinstance(value, list) else value.values():
            check_tensors(item)


OPCODES = st.sampled_from(
    [bytes([code]) for code in pickle_machine.OPERATIONS if code not in (0x58, 0x54, 0x63)]
    + [b"q\0", b"h\0", b"q\1", b"h\1", b"K\0", b"K\3", text("a"), text("storage"), numbers(2, 3), numbers(3, 1)]
    + [ORDERED, storage(), tensor(storage()), name("torch", "FloatStorage"), name("torch._utils", "_rebuild_tensor_v2")]
)


@settings(max_examples=300)
@given(st.lists(OPCODES, max_size=30), st.sampled_from([5, 6]))
def test_any_program_gives_a_value_or_an_error(scratch, program, id_fields):
    with File(scratch.put(pickled(b"".join(program)))) as file:
        try:
            value = TorchMachine(Stream(file, 0, file.size, "data.pkl"), id_fields).run()
        except Error:
            return
        check_tensors(value)
