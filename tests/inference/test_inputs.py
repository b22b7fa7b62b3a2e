"""The door of the arrays: what is let in and what is refused, with the place and the numbers."""

import numpy as np
import pytest

from numpy_bert import Error
from numpy_bert.config import BertConfig
from numpy_bert.inference.inputs import Text, checked, padded

CONFIG = BertConfig(vocab_size=20, hidden_size=4, num_hidden_layers=1, num_attention_heads=1, max_position_embeddings=8)


def door(token_ids, segment_ids=None, attention_mask=None, position_ids=None):
    return checked(token_ids, segment_ids, attention_mask, position_ids, CONFIG)


@pytest.mark.parametrize(
    ("token_ids", "message"),
    [
        ([[1, -1]], r"token_ids\[0,1\]=-1, expected 0 to 19 \(vocab_size=20\)"),
        ([[1, 20]], r"token_ids\[0,1\]=20, expected 0 to 19"),
        (np.array([[2**63]], np.uint64), "9223372036854775808"),
        ([[2**70]], "expected"),
        ([[1.0]], "expected integers, got float64"),
        ([[float("nan")]], "expected integers, got float64"),
        (np.array([[True, False]]), "expected integers, got bool"),
        (np.array([[None]]), "expected integers, got object"),
        ("text", "tokenize the text first"),
        (b"text", "tokenize the text first"),
        ([[1, 2], [3, 4], [5, 6], [1]], r"row 3 has length 1, expected 2 \(pad or use the tokenizer\)"),
        ([], "at least one token"),
        (np.zeros((2, 0), int), "at least one token"),
        (np.zeros((1, 2, 3), int), r"expected shape \(B, T\), got \(1, 2, 3\)"),
        (7, r"expected shape \(B, T\), got \(\)"),
        (np.ones((1, 9), int), "max_position_embeddings=8, got 9 tokens"),
    ],
)
def test_refused_token_ids(token_ids, message):
    with pytest.raises(Error, match=message):
        door(token_ids)


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"segment_ids": [[0, 2]]}, r"segment_ids\[0,1\]=2, expected 0 to 1 \(type_vocab_size=2\)"),
        ({"segment_ids": [[0]]}, r"expected the shape of token_ids \(1, 2\), got \(1, 1\)"),
        ({"position_ids": [[0, 8]]}, r"position_ids\[0,1\]=8, expected 0 to 7 \(max_position_embeddings=8\)"),
        ({"attention_mask": [[1, 2]]}, "expected 0 and 1"),
        ({"attention_mask": [[1, float("nan")]]}, "expected 0 and 1"),
        ({"attention_mask": [["a", "b"]]}, "expected 0 and 1"),
        ({"attention_mask": [[1, 1, 1]]}, "expected the shape of token_ids"),
    ],
)
def test_refused_companions(others, message):
    with pytest.raises(Error, match=message):
        door([[1, 2]], **others)


@pytest.mark.parametrize("T", [1, 2, 7, 8])
def test_every_length_up_to_the_last_position(T):
    batch = door(np.zeros((3, T), np.int32))
    assert batch.ids.token.shape == batch.ids.position.shape == batch.ids.segment.shape == (3, T)
    assert batch.ids.position[2].tolist() == list(range(T))
    assert batch.mask is None


def test_a_single_row_is_a_batch_of_one():
    batch = door([1, 2, 3], segment_ids=[0, 1, 1], attention_mask=[1, 1, 0])
    assert batch.ids.token.tolist() == [[1, 2, 3]]
    assert batch.ids.segment.tolist() == [[0, 1, 1]]
    assert batch.mask is not None
    assert batch.mask.tolist() == [[True, True, False]]


def test_an_empty_batch_is_a_batch():
    assert door(np.zeros((0, 5), int)).ids.token.shape == (0, 5)


def test_a_mask_of_ones_is_no_mask():
    assert door([[1, 2]], attention_mask=[[1, 1]]).mask is None
    assert door([[1, 2]], attention_mask=[[True, False]]).mask is not None


def test_padding_is_on_the_right_and_masked():
    batch = padded([Text([5, 6, 7], [0, 0, 1]), Text([8], None)], pad_id=3)
    assert batch.ids.token.tolist() == [[5, 6, 7], [8, 3, 3]]
    assert batch.ids.segment.tolist() == [[0, 0, 1], [0, 0, 0]]
    assert batch.mask is not None
    assert batch.mask.tolist() == [[True] * 3, [True, False, False]]
    assert padded([Text([1, 2], None), Text([3, 4], None)]).mask is None
