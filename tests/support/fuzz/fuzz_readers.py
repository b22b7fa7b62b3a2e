"""Feeds damaged files to the readers of checkpoints, by hand and for as long as one likes.

    python tests/support/fuzz/fuzz_readers.py                            the targets there are
    python tests/support/fuzz/fuzz_readers.py safetensors --runs 1000000
    python tests/support/fuzz/fuzz_readers.py safetensors --runs 1000000 --guided      by coverage, with atheris

A reader may return arrays or raise the project's own Error; anything else ends the run, and the input is kept beside
this file as crash-<target>. So does taking more memory than the limit, or more than two seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]
MEMORY = 256 << 20  # bytes above what is held when the fuzzing begins

with contextlib.suppress(ImportError):
    import atheris  # type: ignore[import-not-found]


def instrumented() -> contextlib.AbstractContextManager[object]:
    guided = "--guided" in sys.argv
    return atheris.instrument_imports(include=["numpy_bert.checkpoints"]) if guided else contextlib.nullcontext()


with instrumented():
    from numpy_bert.checkpoints.detect import recognize
    from numpy_bert.checkpoints.formats import gguf, safetensors, sharded
    from numpy_bert.checkpoints.formats.onnx import reader as onnx
    from numpy_bert.checkpoints.formats.torch import archive, legacy

from support import gguf_files, hostile_files, onnx_files, tiny  # noqa: E402
from support.file_damage import mutated  # noqa: E402

from numpy_bert.errors import Error  # noqa: E402


class Target(NamedTuple):
    """What is fed with bytes, the right inputs to begin from, and what is put around them to make a file."""

    read: Callable[[Path], object]
    seeds: list[bytes]
    framed: Callable[[bytes], bytes] = bytes


def written(*names: str) -> list[bytes]:
    return [(TESTS / "data" / "torch_files" / name).read_bytes() for name in names]


def safetensors_seeds() -> list[bytes]:
    header = {
        "__metadata__": {"format": "pt"},
        "first": hostile_files.tensor_entry("F32", [2, 3], [0, 24]),
        "half \u00fc": hostile_files.tensor_entry("BF16", [3, 0, 2], [24, 24]),
        "flag": hostile_files.tensor_entry("BOOL", [], [24, 25]),
    }
    return [hostile_files.safetensors(header, bytes(25)), hostile_files.safetensors({})]


def gguf_seed() -> bytes:
    keys = [gguf_files.key("general.architecture", "str", "bert"), gguf_files.key("a", "str[]", ["x", "yz"])]
    keys += [gguf_files.key("b", "i32[]", [1, 2]), gguf_files.key("c", "f32", 1e-12)]
    tensors = [gguf_files.stored("w", np.ones((2, 3), np.float32)), gguf_files.q8_0("q", np.ones((1, 32)))]
    return gguf_files.gguf(keys, tensors)


def onnx_seeds() -> list[bytes]:
    """The least BERT that there is, and what an exporter and an optimizer make of a small one."""
    sizes = {"hidden_size": 2, "num_attention_heads": 1, "intermediate_size": 2, "max_position_embeddings": 3}
    bert = tiny.tiny_bert((), has_pooler=False, num_hidden_layers=1, **sizes)
    files = ("eager14-fused.onnx", "sdpa14-uint8_runtime.onnx")
    exported = [(TESTS / "data" / "onnx_files" / name).read_bytes() for name in files]
    return [onnx_files.model(*onnx_files.bert(bert.params, bert.config)), *exported]


def read_sharded(path: Path) -> object:
    """The damaged file is the index; its two files lie beside it and are right."""
    if not (path.parent / "a.safetensors").exists():
        safetensors.write(path.parent / "a.safetensors", {"a": np.ones(3)})
        safetensors.write(path.parent / "b.safetensors", {"b": np.ones(3), "c": np.ones(2)})
    return sharded.read(path)


INDEX = {
    "metadata": {"total_size": 64},
    "weight_map": {"a": "a.safetensors", "b": "b.safetensors", "c": "b.safetensors"},
}


def with_length(header: bytes) -> bytes:
    return hostile_files.safetensors(header, bytes(25))


TARGETS = {
    "safetensors": Target(safetensors.read, safetensors_seeds()),
    "safetensors_header": Target(safetensors.read, [seed[8:-25] for seed in safetensors_seeds()[:1]], with_length),
    "torch_zip": Target(archive.read, [hostile_files.torch_zip(), *written("tiny_zip.bin", "zip.bin")]),
    "torch_pickle": Target(archive.read, [hostile_files.ONE_TENSOR], hostile_files.torch_zip),
    "torch_legacy": Target(legacy.read, [hostile_files.torch_legacy(), *written("tiny_legacy.bin")]),
    "gguf": Target(gguf.read, [gguf_seed()]),
    "onnx": Target(onnx.read, onnx_seeds()),
    "sharded": Target(read_sharded, [json.dumps(INDEX).encode()]),
    "recognize": Target(recognize, [hostile_files.torch_zip(), hostile_files.torch_legacy(), *safetensors_seeds()]),
}


@contextlib.contextmanager
def fed(name: str) -> Iterator[Callable[[bytes], None]]:
    """A function that gives bytes to the target and raises whatever must not happen."""
    target = TARGETS[name]
    with tempfile.TemporaryDirectory() as folder:
        scratch = hostile_files.Scratch(Path(folder, "input"))

        def feed(data: bytes) -> None:
            path = scratch.put(target.framed(data))
            started = time.process_time()
            try:
                target.read(path)
            except Error as error:
                message = str(error)
            else:
                message = ""
            assert not message or (message.isprintable() and len(message) <= 300), message
            assert time.process_time() - started < 2, "slow"

        yield feed


def limit_memory() -> None:
    with open("/proc/self/statm", encoding="ascii") as sizes:
        held = int(sizes.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, resource.RLIM_INFINITY))


def fuzz(name: str, runs: int, first: int) -> None:
    seeds = TARGETS[name].seeds
    started = time.perf_counter()
    with fed(name) as feed:
        limit_memory()
        for run in range(first, first + runs):
            data = mutated(seeds[run % len(seeds)], run)
            try:
                feed(data)
            except BaseException:
                (HERE / f"crash-{name}").write_bytes(data)
                print(f"{name}: run {run} failed; the input is {HERE / f'crash-{name}'}", file=sys.stderr)
                raise
    print(f"{name}: {runs} runs from {first}, no failure, {time.perf_counter() - started:.0f} s")


def fuzz_guided(name: str, runs: int) -> None:
    with fed(name) as feed, tempfile.TemporaryDirectory() as corpus:
        for i, seed in enumerate(TARGETS[name].seeds):
            Path(corpus, str(i)).write_bytes(seed)
        options = [f"-runs={runs}", "-max_len=8192", "-rss_limit_mb=1024", f"-artifact_prefix={HERE}/crash-{name}-"]
        atheris.Setup([sys.argv[0], *options, corpus], feed)
        atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(description="Feed damaged files to the readers of checkpoints.")
    parser.add_argument("target", nargs="?", choices=TARGETS)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="the seed of the first run, to go on from an earlier one")
    parser.add_argument("--guided", action="store_true", help="let coverage choose the inputs; needs atheris")
    options = parser.parse_args()
    if options.target is None:
        print("\n".join(TARGETS))
    elif options.guided:
        fuzz_guided(options.target, options.runs)
    else:
        fuzz(options.target, options.runs, options.first)


if __name__ == "__main__":
    main()
