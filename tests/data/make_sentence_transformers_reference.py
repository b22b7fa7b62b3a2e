"""Make sentence_transformers.npz, which lies beside this script: what sentence-transformers makes of tiny folders.

    PYTHONPATH=.:tests python tests/data/make_sentence_transformers_reference.py

Run with sentence-transformers 6.2.0 and torch 2.13.0 on a CPU; `made_with` in the file says what made it. The folders
are those of tests/support/sentence_folders.py. The tests that read the file need neither library.
"""

import tempfile
from pathlib import Path

import numpy as np
import sentence_transformers
import torch
from sentence_transformers import CrossEncoder, SentenceTransformer, SparseEncoder
from sentence_transformers.util import quantize_embeddings
from support import sentence_folders as folders

TEXTS, PAIRS = list(folders.TEXTS), list(folders.PAIRS)


def embedding(folder: Path, name: str) -> dict[str, np.ndarray]:
    model = SentenceTransformer(str(folder), device="cpu")
    arrays = {"embed": model.encode(TEXTS), "similarity": model.similarity(*[model.encode(TEXTS)] * 2).numpy()}
    for key, options in OPTIONS.items():
        if key != "query" or "prompt" in name:
            arrays[key] = model.encode(TEXTS, **options)
    return arrays


OPTIONS = {
    "query": {"prompt_name": "query"},
    "prompt": {"prompt": "very good "},
    "no prompt": {"prompt": ""},
    "truncated": {"truncate_dim": 3},
    "truncated and normalized": {"truncate_dim": 3, "normalize_embeddings": True},
}


def main() -> None:
    made_with = f"sentence-transformers {sentence_transformers.__version__}, torch {torch.__version__}"
    arrays = {"made_with": np.array(made_with)}
    with tempfile.TemporaryDirectory() as place:
        for number, name in enumerate(folders.EMBEDDING):
            folders.write_embedding(folder := Path(place, f"e{number}"), name)
            arrays |= {f"{name}/{key}": array for key, array in embedding(folder, name).items()}
        for number, name in enumerate(folders.SCORING):
            folders.write_scoring(folder := Path(place, f"c{number}"), name)
            model = CrossEncoder(str(folder), device="cpu")
            arrays[f"{name}/scores"] = model.predict(PAIRS)
            ranks = model.rank(TEXTS[0], TEXTS)
            arrays[f"{name}/rank"] = np.array([[rank["corpus_id"], rank["score"]] for rank in ranks])
        for number, name in enumerate(folders.SPARSE):
            folders.write_sparse(folder := Path(place, f"s{number}"), name)
            arrays[f"{name}/sparse"] = SparseEncoder(str(folder), device="cpu").encode(TEXTS).to_dense().numpy()
    vectors = np.random.default_rng(0).normal(size=(120, 21)).astype(np.float32)
    for precision in ("int8", "uint8", "binary", "ubinary"):
        arrays[f"quantized/{precision}"] = quantize_embeddings(vectors, precision)
        if "int" in precision:
            ranges = np.vstack([vectors[:100].min(axis=0), vectors[:100].max(axis=0)])
            arrays[f"quantized with ranges/{precision}"] = quantize_embeddings(vectors, precision, ranges=ranges)
    np.savez_compressed(Path(__file__).with_name("sentence_transformers.npz"), **arrays)


if __name__ == "__main__":
    main()
