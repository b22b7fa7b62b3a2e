"""The sha256 of a model: the same for the same model, another for any that answers differently."""

import dataclasses

import numpy as np
import pytest
from support.tiny import WORDS, tiny_bert

import numpy_bert
from numpy_bert.checkpoints import conversion
from numpy_bert.checkpoints.fingerprint import fingerprint
from numpy_bert.numerics import tree
from numpy_bert.tokenizer.added_tokens import AddedToken
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer


def of(bert):
    return fingerprint(bert.params, bert.config, bert.tokenizer)


def test_it_is_of_the_model_and_not_of_its_files(tmp_path):
    bert = tiny_bert()
    folder = bert.save(tmp_path / "hf")
    loaded = [numpy_bert.load(folder), numpy_bert.load(folder, mmap=True)]
    for form in ("npz", "tf1"):
        with pytest.MonkeyPatch.context():
            loaded.append(numpy_bert.load(conversion.convert(folder, tmp_path / form, form)))
    assert {of(model) for model in loaded} == {of(bert)}
    assert len(of(bert)) == 64


def test_every_array_counts():
    bert = tiny_bert()
    seen = {of(bert)}
    for name, array in tree.items(bert.params):
        before = array.flat[-1]
        array.flat[-1] = np.nextafter(before, np.float32(9))
        assert of(bert) not in seen, name
        seen.add(of(bert))
        array.flat[-1] = before
    assert of(bert) in seen


@pytest.mark.parametrize("changes", [
    {"layer_norm_eps": 1e-6}, {"gelu": "tanh"}, {"num_attention_heads": 4}, {"max_position_embeddings": 20},
])  # fmt: skip
def test_the_config_counts(changes):
    bert = tiny_bert()
    changed = dataclasses.replace(bert.config, **changes)
    assert fingerprint(bert.params, changed, bert.tokenizer) != of(bert)


@pytest.mark.parametrize("changes", [
    {"lowercase": False}, {"strip_accents": False}, {"chinese": False}, {"max_chars": 9}, {"library_rules": True},
    {"added": [AddedToken("film", special=False)]},
    {"added": [AddedToken("film")], "size": len(WORDS) - 1},
    {"tokens": [*WORDS[:-2], WORDS[-1], WORDS[-2]]},
])  # fmt: skip
def test_the_tokenizer_counts(changes):
    tokenizer = WordPieceTokenizer(**{"tokens": WORDS, **changes})
    bert = tiny_bert()
    assert fingerprint(bert.params, bert.config, tokenizer) != of(bert)


def test_the_dtype_counts():
    bert = tiny_bert()
    wide = tree.map(lambda array: array.astype("float64"), bert.params)
    assert fingerprint(wide, bert.config, bert.tokenizer) != of(bert)
