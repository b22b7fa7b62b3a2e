"""Keys of partitioned variables as TensorFlow writes them, and boxes that do or do not make a tensor."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpy_bert.checkpoints.formats.tensorflow.slices import ordered_signed, regions, slice_key
from numpy_bert.errors import Error

WHOLE = (0, None)

# As TensorFlow 2.21 wrote them.
WRITTEN = [
    (b"big", ((0, 64), WHOLE), "00 62 69 67 00 01 01 02 80 c0 40 80 7f"),
    (b"big", ((64, 69936), WHOLE), "00 62 69 67 00 01 01 02 c0 40 e1 11 30 80 7f"),
    (b"v", (WHOLE, (1, 3)), "00 76 00 01 01 02 80 7f 81 83"),
    (b"w", ((5, 5), (0, 4)), "00 77 00 01 01 02 85 85 80 84"),
    (b"lo\0ng", ((8254, 746),), "00 6c 6f 00 ff 6e 67 00 01 01 01 e0 20 3e c2 ea"),
]


@pytest.mark.parametrize(("name", "extents", "key"), WRITTEN)
def test_keys_as_written(name, extents, key):
    assert slice_key(name, extents) == bytes.fromhex(key)


def test_names_are_escaped():
    assert slice_key(b"a\xffb\x00", ()) == b"\x00a\xff\x00b\x00\xff\x00\x01\x00"


@settings(max_examples=100)
@given(st.integers(-(2**60), 2**60), st.integers(-(2**60), 2**60))
def test_numbers_sort_as_what_they_mean(a, b):
    assert (ordered_signed(a) < ordered_signed(b)) == (a < b)


def test_numbers_at_the_edges_of_their_lengths():
    lengths = [(-65, 2), (-64, 1), (63, 1), (64, 2), (8191, 2), (8192, 3), (2**55 - 1, 8), (2**55, 9)]
    assert [len(ordered_signed(number)) for number, _ in lengths] == [length for _, length in lengths]


def test_boxes_in_a_grid():
    rows, columns = [(0, 1), (1, 3)], [(0, 2), (2, 2), (4, 2)]
    boxes = regions((4, 6), tuple(itertools.product(rows, columns)))
    seen = np.zeros((4, 6), int)
    for region in boxes:
        seen[region] += 1
    assert (seen == 1).all()


def test_one_box_that_is_whole():
    assert regions((3, 2), ((WHOLE, WHOLE),)) == [(slice(0, 3), slice(0, 2))]


@pytest.mark.parametrize(
    ("shape", "slices", "words"),
    [
        ((4,), (((0, 2),), ((1, 3),)), "slices 0 and 1 that overlap"),
        ((4,), (((0, 2),), ((0, 2),)), "overlap"),
        ((4, 4), (((0, 2), WHOLE), (WHOLE, (3, 1)), ((2, 2), (0, 3))), "slices 0 and 1 that overlap"),
        ((4,), (((0, 2),), ((3, 1),)), "cover 4 elements, got 3"),
        ((4,), (((0, 2),), ((2, 3),)), "expected a part of 0 to 4, got 2 to 5"),
        ((4,), (((-1, 2),), ((1, 3),)), "got -1 to 1"),
        ((4,), (((0, 0),), ((0, 4),)), "got 0 to 0"),
        ((4,), (((2, -2),),), "got 2 to 0"),
        ((4,), (((2, None),),), "got 2 to 4"),
        ((4,), (((2**63 - 1, 2**63 - 1),),), "got 9223372036854775807 to 18446744073709551614"),
        ((4,), (((-(2**63), -(2**63)),),), "expected a part of 0 to 4"),
        ((4, 2), (((0, 4),),), "expected 2 dimensions, got 1"),
        ((4,), (((0, 4), WHOLE),), "expected 1 dimensions, got 2"),
        ((), ((),), "expected dimensions"),
        ((0,), ((WHOLE,),), "got 0 to 0"),
    ],
)
def test_boxes_that_make_no_tensor(shape, slices, words):
    with pytest.raises(Error) as caught:
        regions(shape, slices)
    assert words in str(caught.value)


def test_1000_boxes():
    assert len(regions((1000, 3), tuple(((i, 1), WHOLE) for i in range(1000)))) == 1000
