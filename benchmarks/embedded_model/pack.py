"""Tokenize every source once: WORK/text/NAME.txt -> WORK/packed/NAME.*.npy, and likewise the held-out texts.

    python benchmarks/embedded_model/pack.py WORK

    NAME.ids.npy         the token ids of all sentences, one after the other (uint16)
    NAME.sentences.npy   where each sentence begins in them, and where the last one ends
    NAME.documents.npy   the first sentence of each document, and the number of sentences

Training reads them as memory maps, so that no text is tokenized twice and little memory is used. The vocabulary is
WORK/vocabulary.
"""

from __future__ import annotations

import sys
from array import array
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from sources import documents

from numpy_bert.tokenizer.folder import read_tokenizer


def pack(job: tuple[Path, Path, Path]) -> str:
    source, target, vocabulary = job
    tokenizer = read_tokenizer(vocabulary)
    ids, sentences, first = array("H"), array("q", [0]), array("q", [0])
    for document in documents(source):
        for row in tokenizer.encode_ids(document, special=False):
            if len(row) > 2:  # more than [CLS] and [SEP]
                ids.extend(row[1:-1])
                sentences.append(len(ids))
        if len(sentences) - 1 > first[-1]:
            first.append(len(sentences) - 1)
    for name, values, dtype in (("ids", ids, "u2"), ("sentences", sentences, "i8"), ("documents", first, "i8")):
        np.save(target.with_name(f"{target.name}.{name}.npy"), np.frombuffer(values, dtype))
    return f"{target.name}: {len(ids)} tokens, {len(sentences) - 1} sentences, {len(first) - 1} documents"


def main(work: Path) -> None:
    jobs = []
    for texts, packed in (("text", "packed"), ("held-out", "packed-held-out")):
        (work / packed).mkdir(exist_ok=True)
        jobs.extend((path, work / packed / path.stem, work / "vocabulary") for path in (work / texts).glob("*.txt"))
    with ProcessPoolExecutor() as pool:
        for line in pool.map(pack, sorted(jobs, key=lambda job: -job[0].stat().st_size)):
            print(line, flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
