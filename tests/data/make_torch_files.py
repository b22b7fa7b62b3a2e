"""Writes the small files of torch_files/ with PyTorch, and what PyTorch reads from them. Run once, by hand:

    python tests/data/make_torch_files.py        made with PyTorch 2.13.0, NumPy 2.4.6

zip.bin and legacy.bin hold the same dictionary: every dtype, tied tensors, views that are transposed, strided or a
part of a larger storage, a scalar and an empty tensor. zip_big_endian.bin is zip.bin as a big-endian machine writes
it; PyTorch itself confirms that it reads the same. expected.npz is what all three hold, bfloat16 as float32.
"""

from __future__ import annotations

import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent / "torch_files"


def tensors() -> OrderedDict[str, torch.Tensor]:
    torch.manual_seed(7)
    embedding = torch.randn(5, 4)
    flat = torch.randn(12)
    special = torch.tensor([0.0, -0.0, torch.inf, -torch.inf, torch.nan, 1e-40, 1.0, 3.0e38])
    return OrderedDict(
        {
            "embedding.weight": embedding,
            "decoder.weight": embedding,
            "tied_transposed": embedding.t(),
            "dense.weight": torch.randn(3, 4).t(),
            "part": flat[4:10].view(2, 3),
            "strided": flat[1::3],
            "double": torch.randn(3, dtype=torch.float64),
            "half": special.half(),
            "bfloat16": special.bfloat16(),
            "float": special,
            "long": torch.tensor([-(2**62), 3]),
            "int": torch.tensor([-(2**30), 5], dtype=torch.int32),
            "short": torch.tensor([-7, 300], dtype=torch.int16),
            "char": torch.tensor([-7, 100], dtype=torch.int8),
            "byte": torch.tensor([7, 200], dtype=torch.uint8),
            "bool": torch.tensor([True, False, True]),
            "scalar": torch.tensor(2.5),
            "empty": torch.empty(0, 3),
        }
    )


def as_numpy(tensor: torch.Tensor) -> np.ndarray:
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).contiguous().numpy()


def write_big_endian(source: Path, target: Path, sizes: dict[str, int]) -> None:
    """The archive with the bytes of every element reversed. `sizes` are the bytes of an element, by storage key."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for info in old.infolist():
            data = old.read(info)
            key = info.filename.rpartition("/data/")[2]
            if info.filename.endswith("/byteorder"):
                data = b"big"
            elif key in sizes:
                data = np.frombuffer(data, np.uint8).reshape(-1, sizes[key])[:, ::-1].tobytes()
            new.writestr(zipfile.ZipInfo(info.filename), data)


def storage_sizes(state: OrderedDict[str, torch.Tensor]) -> dict[str, int]:
    """Storages are numbered in the order in which the tensors first name them."""
    first: dict[int, int] = {}
    for tensor in state.values():
        first.setdefault(tensor.untyped_storage()._cdata, tensor.element_size())
    return {str(i): size for i, size in enumerate(first.values())}


class Program(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight


def main() -> None:
    HERE.mkdir(exist_ok=True)
    state = tensors()
    torch.save(state, HERE / "zip.bin")
    torch.save(state, HERE / "legacy.bin", _use_new_zipfile_serialization=False)
    torch.save({"epoch": 3, "rate": 0.5, "state_dict": {"module.a": torch.arange(3.0)}}, HERE / "wrapped.bin")
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))
    torch.save(module.state_dict(), HERE / "module.bin")  # carries version numbers in its attributes
    torch.save(OrderedDict(module.named_parameters()), HERE / "parameters.bin")
    torch.save({"a": torch.arange(6.0).view(2, 3)}, HERE / "tiny_zip.bin")
    torch.save({"a": torch.arange(6.0).view(2, 3)}, HERE / "tiny_legacy.bin", _use_new_zipfile_serialization=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Program()).save(str(HERE / "program.pt"))
    write_big_endian(HERE / "zip.bin", HERE / "zip_big_endian.bin", storage_sizes(state))
    for name in ("zip.bin", "legacy.bin", "zip_big_endian.bin"):
        read = torch.load(HERE / name, weights_only=True)
        assert all(torch.equal(read[key].nan_to_num(9.0), state[key].nan_to_num(9.0)) for key in state), name
    arrays = {key: as_numpy(tensor) for key, tensor in state.items()}
    arrays |= {f"module.{key}": as_numpy(tensor) for key, tensor in module.state_dict().items()}
    np.savez(HERE / "expected.npz", **arrays)


if __name__ == "__main__":
    main()
