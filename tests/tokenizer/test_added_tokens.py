"""Tokens that a model added are recognized in every text, as the `tokenizers` library recognizes them."""

import json
import random

import pytest
from support.text_samples import lines

from numpy_bert.tokenizer.added_tokens import AddedToken, Matcher
from numpy_bert.tokenizer.folder import read_tokenizer
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [*SPECIAL, "apple", "is", "red", "[", "]", "e", "##e", "##1", "a", "##a", "x", "/", "中", "é"]
FLAGS = {"special": False, "single_word": False, "lstrip": False, "rstrip": False, "normalized": True}


def write(folder, **files):
    for name, content in files.items():
        is_list = isinstance(content, list)
        text = "".join(f"{line}\n" for line in content) if is_list else json.dumps(content)
        (folder / (f"{name}.txt" if is_list else f"{name}.json")).write_text(text, encoding="utf-8")
    return read_tokenizer(folder)


ENTRY = {"[E1]": len(WORDS), "[/E1]": len(WORDS) + 1}
FILES = {
    "added_tokens.json": {"added_tokens": ENTRY},
    "added_tokens_decoder": {
        "tokenizer_config": {"added_tokens_decoder": {str(i): {"content": t, **FLAGS} for t, i in ENTRY.items()}}
    },
    "additional_special_tokens": {"tokenizer_config": {"additional_special_tokens": list(ENTRY)}},
    "extra_special_tokens": {"tokenizer_config": {"extra_special_tokens": {"e1": "[E1]", "end": "[/E1]"}}},
    "special_tokens_map.json": {
        "special_tokens_map": {"additional_special_tokens": list(ENTRY)},
        "added_tokens": ENTRY,
    },
}


@pytest.mark.parametrize("form", FILES)
@pytest.mark.parametrize("special", [True, False])
def test_every_file_that_may_hold_them(tmp_path, form, special):
    tokenizer = write(tmp_path, vocab=WORDS, **FILES[form])
    text = "[E1] apple [/E1] is red"
    expected = ["[E1]", "apple", "[/E1]", "is", "red"]
    assert tokenizer.tokenize(text, special=special) == expected
    assert tokenizer.encode(text, special=special).tokens[1:-1] == expected
    assert tokenizer.encode(text).offsets[1] == (0, 4)
    assert [tokenizer.vocab[token] for token in ENTRY] == list(ENTRY.values())


def test_in_lower_case_only_where_they_are_normalized(tmp_path):
    normalized = write(tmp_path, vocab=WORDS, **FILES["added_tokens_decoder"])
    assert normalized.tokenize("[e1]") == ["[E1]"]
    special = write(tmp_path, tokenizer_config=FILES["additional_special_tokens"]["tokenizer_config"])
    assert special.tokenize("[e1]") == ["[", "e", "##1", "]"]


def test_a_plain_word_may_be_added():
    tokenizer = WordPieceTokenizer([*WORDS, "applepie"], added=[AddedToken("applepie", False, normalized=True)])
    assert tokenizer.tokenize("xApplepiea") == ["x", "applepie", "a"]
    assert tokenizer.decode(tokenizer.encode("applepie [MASK]").ids) == "applepie"


def test_single_words_and_white_space():
    single = Matcher([AddedToken("ab", single_word=True)])
    assert [text[a:b] for text in ("ab-abc ab_ éab ab",) for a, b, t in single.split(text) if t] == ["ab", "ab"]
    strip = Matcher([AddedToken("<m>", lstrip=True, rstrip=True)])
    assert [(a, b) for a, b, t in strip.split("a  <m> <m>\tb") if t] == [(1, 7), (7, 11)]


@pytest.mark.parametrize("seed", range(4))
def test_as_the_library_finds_them(tmp_path, seed):
    """Random flags on tokens that overlap, in random texts: ids and offsets of the library."""
    tokenizers = pytest.importorskip("tokenizers")
    random_ = random.Random(seed)
    contents = ["[E1]", "ab", "abc", "É", "中", "<m>", "E1", "##a"]
    added = [AddedToken(t, *(random_.random() < 0.5 for _ in range(5))) for t in contents]
    theirs = tokenizers.Tokenizer(tokenizers.models.WordPiece({t: i for i, t in enumerate(WORDS)}, unk_token="[UNK]"))
    theirs.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    for token in added:
        flags = {name: value for name, value in token._asdict().items() if name not in ("content", "special")}
        made = tokenizers.AddedToken(token.content, special=token.special, **flags)
        (theirs.add_special_tokens if token.special else theirs.add_tokens)([made])
    theirs.add_special_tokens(SPECIAL)
    theirs.save(str(tmp_path / "tokenizer.json"))
    ours = read_tokenizer(tmp_path)
    signs = [*contents, "[e1]", "é", " ", " ", "a", "b", "x", "-", "_", "1", "[SEP]", "\t", "É"]
    for text in ["".join(random_.choices(signs, k=random_.randint(1, 9))) for _ in range(800)] + lines(100):
        mine, other = ours.encode(text, add_special_tokens=False), theirs.encode(text)
        assert (mine.ids, mine.offsets) == (other.ids, other.offsets), (text, added)
        assert ours.encode_ids([text])[0][1:-1] == other.ids
