"""A tokenizer that is not WordPiece gives what the `tokenizers` library gives, behind the interface of the package."""

import copy
import json
import pickle
import subprocess
import sys

import pytest
from support import other_tokenizers
from support.text_samples import lines, random_strings

from numpy_bert.errors import Error
from numpy_bert.tokenizer.folder import read_tokenizer
from numpy_bert.tokenizer.library import LibraryTokenizer

tokenizers = pytest.importorskip("tokenizers")


@pytest.fixture(scope="module", params=sorted(other_tokenizers.MAKERS))
def both(request, tmp_path_factory):
    """Ours, the library's, and the folder."""
    made = other_tokenizers.MAKERS[request.param]()
    names = ["input_ids", "token_type_ids", "attention_mask"]
    folder = other_tokenizers.write(tmp_path_factory.mktemp(request.param), made, model_input_names=names)
    # Not as it was made: the library reads some scores back in the last digit otherwise, and ties fall otherwise.
    theirs = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    return read_tokenizer(folder), theirs, folder


def as_lists(encoding):
    return encoding.ids, encoding.type_ids, encoding.offsets


def test_ids_segments_and_offsets_of_strings_in_any_script(both):
    ours, theirs, _ = both
    texts = lines(1500, seed=5) + random_strings(3500, seed=5)
    for text in texts:
        mine = ours.encode(text)
        assert (mine.ids, mine.segment_ids, mine.offsets) == as_lists(theirs.encode(text)), ascii(text)
        assert mine.tokens == [theirs.id_to_token(i) for i in mine.ids]
    assert ours.encode_ids(texts[:200]) == [theirs.encode(text).ids for text in texts[:200]]


def test_pairs_and_their_truncation(both):
    ours, theirs, _ = both
    texts = lines(200, seed=6)
    try:
        for length in (5, 9, 16, 33):
            theirs.enable_truncation(length, strategy="longest_first")
            for text, pair in zip(texts, reversed(texts), strict=True):
                mine = ours.encode(text, pair, max_length=length)
                assert (mine.ids, mine.segment_ids, mine.offsets) == as_lists(theirs.encode(text, pair))
                assert ours.encode(text, max_length=length).ids == theirs.encode(text).ids
    finally:
        theirs.no_truncation()


def test_special_tokens_typed_in_a_text(both):
    ours, theirs, _ = both
    text = "the <mask> </s> [E1]"
    assert ours.typed_special
    assert ours.encode(text).ids == theirs.encode(text).ids
    plain = ours.encode(text, special=False).ids
    assert ours.mask_id not in plain
    assert plain.count(ours.sep_id) == 1
    if "[E1]" in ours.vocab:
        assert ours.vocab["[E1]"] in plain
    assert ours.decode(ours.encode("the film").ids).strip() == "the film"


def test_copies_and_pickles_encode_alike(both):
    ours, _, _ = both
    for other in (pickle.loads(pickle.dumps(ours)), copy.deepcopy(ours)):
        assert other.encode("the film <mask>", special=False) == ours.encode("the film <mask>", special=False)
        assert other.settings() == ours.settings()


def test_what_is_written_reads_back_the_same(both, tmp_path):
    ours, _, _ = both
    ours.write(tmp_path, 64)
    other = read_tokenizer(tmp_path)
    assert other.settings() == ours.settings()
    assert other.special_tokens == ours.special_tokens
    assert json.loads((tmp_path / "tokenizer_config.json").read_text("utf-8"))["model_max_length"] == 64


def test_tokens_that_continue_a_word(both):
    ours, _, _ = both
    continues = ours.continues()
    space = "▁" if "▁" in ours.vocab else "Ġ"
    assert not continues[next(i for token, i in ours.vocab.items() if token.startswith(space))]
    assert continues[ours.vocab["e"]]


def test_the_words_of_a_sentence_have_the_tokens_of_its_text(both):
    ours, _, _ = both
    for line in lines(100, seed=7):
        words = line.split()
        ids = ours.word_ids(words, 99)
        text = " ".join(words)
        assert [i for word in ids for i in word] == ours.encode(text, add_special_tokens=False).ids
    first, second = ours.word_ids(["film", "film"], 99)
    space = "▁" if "▁" in ours.vocab else "Ġ"
    assert ours.tokens[second[0]].startswith(space)
    assert len(first) > 0
    assert ours.word_ids(["film"], 1) == [first[:1]]
    assert ours.word_ids([], 1) == []


def test_word_pieces_cut_otherwise_than_berts_are_the_librarys(tmp_path):
    """WordPiece behind another normalizer is no BERT, and read as its file says."""
    from tokenizers import models, normalizers, pre_tokenizers

    made = tokenizers.Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1, "##b": 2, "É": 3}, unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.NFC(), pre_tokenizers.Whitespace()
    ours = read_tokenizer(other_tokenizers.write(tmp_path, made, unk_token="[UNK]"))
    assert isinstance(ours, LibraryTokenizer)
    assert ours.encode("ab É A").tokens == ["a", "##b", "É", "[UNK]"]
    assert ours.continues() == [False, False, True, False]
    with pytest.raises(Error, match="expected a cls token, got none"):
        assert ours.cls_id


def test_the_model_input_names_say_whether_there_are_segments(tmp_path):
    made, names = other_tokenizers.byte_level(), ["input_ids", "token_type_ids", "attention_mask"]
    for config, segments in (
        ({"model_input_names": names}, {0, 1}),
        ({"model_input_names": names[:1]}, {0}),
        ({}, {0}),  # of a class without a name of its own, as transformers 5 has it
        ({"tokenizer_class": "BertTokenizerFast"}, {0, 1}),
        ({"tokenizer_class": "ElectraTokenizer"}, {0, 1}),
        ({"tokenizer_class": "FunnelTokenizer"}, {0}),
        ({"tokenizer_class": "BertJapaneseTokenizer"}, {0}),
    ):
        ours = read_tokenizer(other_tokenizers.write(tmp_path, made, **config))
        assert set(ours.encode("a", "b").segment_ids) == segments


@pytest.mark.parametrize("model", [{"type": "Unigram", "vocab": 3}, {"type": "x"}, {"type": "BPE", "vocab": {"a": -1}}])
def test_files_that_the_library_refuses(tmp_path, model):
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": model, "added_tokens": []}))
    with pytest.raises(
        Error, match=r"tokenizer\.json: expected a file that the tokenizers library reads, got "
    ) as caught:
        read_tokenizer(tmp_path)
    assert "\n" not in str(caught.value)


def test_without_the_library_one_line_says_what_to_install(tmp_path):
    folder = other_tokenizers.write(tmp_path, other_tokenizers.unigram())
    code = "import sys; sys.modules['tokenizers'] = None; from numpy_bert.tokenizer.folder import read_tokenizer\n"
    child = subprocess.run(
        [sys.executable, "-c", code + f"read_tokenizer({str(folder)!r})"], capture_output=True, text=True, check=False
    )
    last = child.stderr.splitlines()[-1]
    assert "expected WordPiece, or the tokenizers library: pip install 'numpy-bert[tokenizers]'; got 'Unigram'" in last
