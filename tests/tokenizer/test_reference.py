"""Folders of many settings give the ids that transformers gives in them, from vocab.txt and from tokenizer.json.

tests/data/tokenizer_reference.json.gz, which tests/data/make_tokenizer_reference.py made, holds ids and segments.
"""

import gzip
import json
import sys
import warnings
from pathlib import Path

import pytest

from numpy_bert.tokenizer.folder import read_tokenizer

DATA = Path(__file__).parents[1] / "data"
sys.path.insert(0, str(DATA))
import make_tokenizer_reference as maker  # noqa: E402

sys.path.remove(str(DATA))
STORED = json.loads(gzip.decompress((DATA / "tokenizer_reference.json.gz").read_bytes()))["forms"]
CONFIGS = maker.forms()


def found(tokenizer):
    """What the reference holds, of our own."""
    lengths = [None, *maker.LENGTHS]
    texts = [tokenizer.encode_ids(maker.TEXTS, length) for length in lengths]
    assert texts == [[tokenizer.encode(text, None, length).ids for text in maker.TEXTS] for length in lengths]
    pairs = [[list(tokenizer.encode(*pair, length)[0:3:2]) for pair in maker.PAIRS] for length in lengths]
    return {"texts": texts, "pairs": pairs}


def test_the_reference_is_of_these_forms():
    assert STORED.keys() == CONFIGS.keys()
    assert len(STORED) > 60


@pytest.mark.filterwarnings("ignore:.*lower case is set, but the vocabulary")
@pytest.mark.parametrize("name", CONFIGS)
def test_from_a_vocabulary(tmp_path, name):
    maker.write_folder(tmp_path, CONFIGS[name])
    maker.write_vocabulary(tmp_path)
    assert found(read_tokenizer(tmp_path)) == STORED[name]["listed"]


@pytest.mark.filterwarnings("ignore:.*lower case is set, but the vocabulary")
@pytest.mark.parametrize("name", CONFIGS)
def test_from_a_description(tmp_path, name):
    maker.write_folder(tmp_path, {})
    for file, text in STORED[name]["files"].items():
        (tmp_path / file).write_text(text, "utf-8")
    tokenizer = read_tokenizer(tmp_path)
    assert found(tokenizer) == STORED[name]["described"]
    (tmp_path / "written").mkdir()
    tokenizer.write(tmp_path / "written")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert found(read_tokenizer(tmp_path / "written")) == STORED[name]["described"]
