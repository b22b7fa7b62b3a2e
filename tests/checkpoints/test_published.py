"""Published checkpoints give the answers their authors published, and those that PyTorch gives in float64.

The numbers lie in tests/data/torch_{minilm,splade,rxnfp}.npz beside the script that made them, with the ids of the
texts; only `embed` is given the texts themselves.
"""

import functools
from pathlib import Path

import numpy as np
import pytest
from support.checkpoints import published

from numpy_bert import Bert, load
from numpy_bert.blocks.bert import Output
from numpy_bert.numerics.arrays import Array
from numpy_bert.tasks import masked_lm, objective

DATA = Path(__file__).parents[1] / "data"
COMPONENTS, TOKENS = 37, 499  # the steps at which make_torch_reference.py sampled long vectors and the vocabulary

# Largest differences allowed. The logits of splade reach 32, where neighboring float32 numbers lie up to 4e-6 apart:
# rounding in the product with the decoder alone makes 1.5e-5, and PyTorch's float32 is 2.2e-5 from its float64.
HIDDEN = {"float32": 5e-6, "float64": 1e-12}
LOGITS = {"float32": 1e-5, "float64": 1e-12}
LARGE_LOGITS = {"float32": 3e-5, "float64": 1e-12}
PADDING = {"float32": 1e-5, "float64": 1e-12}

# Mixtures of lengths, padded to the longest.
MIXTURES = [(1, 2, 3, 5, 8, 13, 21, 34), (7, 7, 7, 8), (256, 1, 100), (2, 64, 65, 63, 130)]


@functools.cache
def stored(name: str) -> dict[str, Array]:
    with np.load(DATA / f"torch_{name}.npz") as file:
        return dict(file)


@functools.cache
def _load(folder: Path, dtype: str) -> Bert:
    return load(folder, dtype=dtype)


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def minilm(dtype: str) -> Bert:
    return _load(published("minilm"), dtype)


@pytest.fixture
def splade(dtype: str) -> Bert:
    return _load(published("splade"), dtype)


def rxnfp(name: str, dtype: str) -> Bert:
    return _load(published("rxnfp") / name, dtype)


def batch(answers: dict[str, Array]) -> tuple[Array, Array, Array]:
    return answers["token_ids"], answers["segment_ids"], answers["attention_mask"]


def difference(ours: Array, theirs: Array) -> float:
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max())


def test_minilm_hidden_states(minilm: Bert, dtype: str) -> None:
    answers = stored("minilm")
    outputs = minilm.forward(*batch(answers))
    n = len(answers["whole"])
    assert outputs.hidden.dtype == dtype
    assert difference(outputs.hidden[:, :, ::COMPONENTS], answers["sampled"]) <= HIDDEN[dtype]
    assert difference(outputs.hidden[1, :n], answers["whole"]) <= HIDDEN[dtype]
    assert difference(outputs.pooled[:, ::COMPONENTS], answers["pooled"]) <= HIDDEN[dtype]


def test_minilm_every_layer(minilm: Bert, dtype: str) -> None:
    answers = stored("minilm")
    theirs = answers["sampled_layers"]  # of the second text
    layers = minilm.forward(*batch(answers), everything=True).layers
    ours = np.stack(layers)[:, 1, : theirs.shape[1], ::COMPONENTS]
    assert difference(ours, theirs) <= HIDDEN[dtype]


def test_minilm_sentence_vectors(minilm: Bert, dtype: str) -> None:
    answers = stored("minilm")
    vectors = minilm.embed([str(text) for text in answers["texts"]])
    assert vectors.dtype == dtype
    assert difference(vectors, answers["vectors"]) <= HIDDEN[dtype]


@pytest.mark.parametrize("lengths", MIXTURES)
def test_a_padded_batch_equals_one_text_at_a_time(
    minilm: Bert, dtype: str, lengths: tuple[int, ...], rng: np.random.Generator
) -> None:
    T, V = max(lengths), minilm.config.vocab_size
    mask = np.arange(T) < np.array(lengths)[:, None]
    token_ids = np.where(mask, rng.integers(1, V, mask.shape), 0)
    together = minilm.forward(token_ids, attention_mask=mask)
    for i, n in enumerate(lengths):
        alone = minilm.forward(token_ids[i, :n])
        assert difference(together.hidden[i, :n], alone.hidden[0]) <= PADDING[dtype]
        assert difference(together.pooled[i], alone.pooled[0]) <= PADDING[dtype]


def test_texts_embedded_together_equal_one_text_at_a_time(minilm: Bert, dtype: str) -> None:
    texts = [str(text) for text in stored("minilm")["texts"]]
    texts += ["", texts[5] * 5, " ".join(texts)]
    alone = np.stack([minilm.embed(text) for text in texts])
    assert difference(minilm.embed(texts), alone) <= PADDING[dtype]


def test_splade_masked_lm(splade: Bert, dtype: str) -> None:
    answers = stored("splade")
    logits = splade.logits("masked_lm", *batch(answers))
    assert difference(logits[:, :, ::TOKENS], answers["sampled_logits"]) <= LARGE_LOGITS[dtype]
    assert difference(logits.max(axis=-1), answers["largest_logit"]) <= LARGE_LOGITS[dtype]
    assert (logits.argmax(axis=-1) == answers["likeliest"]).all()


def test_rxnfp_fingerprint(dtype: str) -> None:
    """The first five components of the [CLS] vector stand in the README of rxnfp."""
    answers = stored("rxnfp")
    vector = rxnfp("bert_ft", dtype).forward(answers["token_ids"]).hidden[0, 0]
    readme = np.array([-2.0174954, 1.7602036, -1.3323538, -1.1095022, 1.2254544])
    assert difference(vector[:5], readme) <= 1e-5
    assert difference(vector, answers["cls_vector"]) <= HIDDEN[dtype]


def test_rxnfp_classification(dtype: str) -> None:
    answers = stored("rxnfp")
    logits = rxnfp("bert_ft_10k_25s", dtype).logits("sequence_classification", answers["token_ids"])
    assert difference(logits, answers["classification_logits"]) <= LOGITS[dtype]
    assert logits.shape == (1, 50)
    assert logits.argmax() == 20


def test_rxnfp_pretrained_fills_98_of_103_masks() -> None:
    """Each token of the reaction masked in turn, in float32; which 98 are right is compared too."""
    answers = stored("rxnfp")
    bert = rxnfp("bert_pretrained", "float32")
    ids = answers["token_ids"][0]
    places = np.arange(1, len(ids) - 1)  # between [CLS] and [SEP]
    masked = np.tile(ids, (len(places), 1))
    masked[places - 1, places] = answers["mask_id"]
    head = objective.head_params("masked_lm", bert.params)
    hidden = [bert.forward(outputs).hidden for outputs in np.array_split(masked, 8)]
    encoded = Output(np.concatenate(hidden), None)
    at_masks = (places - 1) * len(ids) + places  # row r of `masked` has its mask at place r + 1
    logits, _ = masked_lm.forward(encoded, head, bert.config, positions=at_masks)  # (103, V)
    likeliest = logits.argmax(axis=-1)
    assert (likeliest == answers["likeliest"]).all()
    assert (int((likeliest == ids[places]).sum()), len(places)) == (98, 103)
    assert difference(logits[:, ::COMPONENTS], answers["sampled_logits"]) <= LOGITS["float32"]


def test_rxnfp_pretrained_next_sentence(dtype: str) -> None:
    answers = stored("rxnfp")
    logits = rxnfp("bert_pretrained", dtype).logits("next_sentence", answers["token_ids"])
    assert difference(logits, answers["next_sentence_logits"]) <= LOGITS[dtype]
