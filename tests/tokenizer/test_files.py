"""The files of a checkpoint's folder: which of them decides what, what contradicts, and what is refused by name."""

import json
import warnings

import pytest
from support.checkpoints import published
from support.limits import assert_refused, run_limited

from numpy_bert.errors import Error
from numpy_bert.tokenizer.added_tokens import AddedToken
from numpy_bert.tokenizer.folder import other_tokenizer, read_tokenizer
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer
from numpy_bert.tokenizer.special_tokens import SpecialTokens

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [*SPECIAL, "the", "film", "##s", "é", "e", "中", "国", "##国", "x"]
CASED = [*SPECIAL, "The", "the", "Film", "film", "##s", "É"]
FLAGS = {"special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}


def description(tokens=WORDS, **changes):
    """A tokenizer.json as the library writes it for BERT. `changes`: dotted keys, with __ for a dot."""
    single = [
        {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
    ]
    pair = [*single, {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}]
    made = {
        "version": "1.0",
        "truncation": {"max_length": 4, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": None,
        "added_tokens": [{"id": tokens.index(token), "content": token, **FLAGS} for token in SPECIAL],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing", "single": single, "pair": pair},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {token: index for index, token in enumerate(tokens)},
        },
    }
    for key, value in changes.items():
        *sections, last = key.split("__")
        inner = made
        for section in sections:
            inner = inner[section]
        inner[last] = value
    return made


@pytest.fixture
def folder(tmp_path):
    """Writes files into a folder: lists as lines, dicts as JSON, bytes and strings as they are."""

    def write(**files):
        for name, content in files.items():
            path = tmp_path / name.replace("_DOT_", ".")
            if isinstance(content, list):
                content = "".join(f"{line}\n" for line in content)
            elif isinstance(content, dict):
                content = json.dumps(content)
            path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return tmp_path

    return write


def refused(path, *fragments):
    with pytest.raises(Error) as caught:
        read_tokenizer(path)
    message = str(caught.value)
    assert "\n" not in message
    for fragment in fragments:
        assert fragment in message


def test_a_vocabulary_alone(folder):
    tokenizer = read_tokenizer(folder(vocab_DOT_txt=WORDS))
    assert tokenizer.tokens == WORDS
    assert (tokenizer.lowercase, tokenizer.strip_accents, tokenizer.chinese) == (True, True, True)
    assert tokenizer.max_chars == 100
    assert tokenizer.encode("The FILMS").tokens == ["[CLS]", "the", "film", "##s", "[SEP]"]
    ids = (tokenizer.pad_id, tokenizer.unk_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id)
    assert ids == (0, 1, 2, 3, 4)


def test_a_vocabulary_with_capitals_alone_is_a_cased_models(folder):
    tokenizer = read_tokenizer(folder(vocab_DOT_txt=CASED))
    assert (tokenizer.lowercase, tokenizer.strip_accents) == (False, False)
    assert tokenizer.tokenize("The film É") == ["The", "film", "É"]


def test_a_description_alone(folder):
    tokenizer = read_tokenizer(folder(tokenizer_DOT_json=description()))
    assert tokenizer.tokens == WORDS
    assert tokenizer.tokenize("The FILMS " * 3) == ["the", "film", "##s"] * 3  # its truncation is left aside


@pytest.mark.parametrize(
    ("config", "lowercase", "strip_accents", "chinese", "tokens"),
    [
        ({"do_lower_case": True}, True, True, True, ["e", "中", "国"]),
        ({"do_lower_case": True, "strip_accents": None}, True, True, True, ["e", "中", "国"]),
        ({"do_lower_case": True, "strip_accents": False}, True, False, True, ["é", "中", "国"]),
        ({"do_lower_case": False}, False, False, True, ["[UNK]", "中", "国"]),
        ({"do_lower_case": False, "strip_accents": True}, False, True, True, ["[UNK]", "中", "国"]),
        ({"do_lower_case": True, "tokenize_chinese_chars": False}, True, True, False, ["e", "中", "##国"]),
    ],
)
@pytest.mark.parametrize("source", ["vocab.txt", "tokenizer.json"])
def test_casing_and_accents_are_as_the_config_says(folder, source, config, lowercase, strip_accents, chinese, tokens):
    said = description(normalizer__lowercase=lowercase, normalizer__handle_chinese_chars=chinese)
    said["normalizer"]["strip_accents"] = strip_accents
    files = {"vocab_DOT_txt": WORDS} if source == "vocab.txt" else {"tokenizer_DOT_json": said}
    tokenizer = read_tokenizer(folder(tokenizer_config_DOT_json=config, **files))
    assert (tokenizer.lowercase, tokenizer.strip_accents, tokenizer.chinese) == (lowercase, strip_accents, chinese)
    assert tokenizer.tokenize("É 中国") == tokens


@pytest.mark.parametrize(
    ("key", "said", "used"),
    [
        ("do_lower_case", "normalizer__lowercase", False),
        ("strip_accents", "normalizer__strip_accents", False),
        ("tokenize_chinese_chars", "normalizer__handle_chinese_chars", False),
    ],
)
def test_the_config_wins_over_the_description_and_says_so(folder, key, said, used):
    config = {"do_lower_case": True, "strip_accents": True, "tokenize_chinese_chars": True, key: used}
    made = description(**{"normalizer__strip_accents": True, said: True})
    with pytest.warns(UserWarning, match=f"{key}: false is used, although tokenizer.json says true") as caught:
        tokenizer = read_tokenizer(folder(tokenizer_DOT_json=made, tokenizer_config_DOT_json=config))
    assert len(caught) == 1
    assert caught[0].filename == __file__
    attribute = {"do_lower_case": "lowercase", "tokenize_chinese_chars": "chinese"}.get(key, key)
    assert getattr(tokenizer, attribute) is used


def test_lower_case_for_a_cased_vocabulary_is_warned_of(folder):
    with pytest.warns(UserWarning, match="do_lower_case: lower case is set, but the vocabulary is cased"):
        read_tokenizer(folder(vocab_DOT_txt=CASED, tokenizer_config_DOT_json={"do_lower_case": True}))


def test_where_the_files_hold_other_tokens_the_description_counts(folder):
    place = folder(vocab_DOT_txt=WORDS, tokenizer_DOT_json=description())
    assert read_tokenizer(place).tokens == WORDS
    for listed, warning in (
        (
            [*WORDS[:6], "cinema", *WORDS[7:]],
            "line 7: expected 'film' as in tokenizer.json, which is used, got 'cinema'",
        ),
        (WORDS[:-1], "vocab.txt: expected the 14 tokens of tokenizer.json, which is used, got 13"),
        ([*WORDS, "more"], "vocab.txt: expected the 14 tokens of tokenizer.json, which is used, got 15"),
    ):
        with pytest.warns(UserWarning, match=warning):
            assert read_tokenizer(folder(vocab_DOT_txt=listed)).tokens == WORDS


def test_added_tokens_have_the_next_ids_and_are_matched_in_the_text(folder):
    made = description()
    made["added_tokens"].append({"id": 14, "content": "<drug>", **FLAGS})
    for files in (
        {"tokenizer_DOT_json": made},
        {"tokenizer_DOT_json": made, "vocab_DOT_txt": WORDS},
        {"tokenizer_DOT_json": made, "vocab_DOT_txt": [*WORDS, "<drug>"]},
    ):
        tokenizer = read_tokenizer(folder(**files))
        assert tokenizer.tokens == [*WORDS, "<drug>"]
        assert tokenizer.added == (AddedToken("<drug>"),)
        assert tokenizer.encode("film<drug>s").ids == [2, 6, 14, 1, 3]
        assert "<drug>" in tokenizer.tokenize("film<drug>s", special=False)  # no structure of a text hangs on it


def test_added_tokens_beside_a_vocabulary_alone(folder):
    decoder = {"14": {"content": "<drug>", **FLAGS}, "4": {"content": "[MASK]", **FLAGS}}
    tokenizer = read_tokenizer(folder(vocab_DOT_txt=WORDS, tokenizer_config_DOT_json={"added_tokens_decoder": decoder}))
    assert tokenizer.tokens == [*WORDS, "<drug>"]
    named = {"additional_special_tokens": ["x", {"content": "film"}]}
    tokenizer = read_tokenizer(folder(vocab_DOT_txt=WORDS, tokenizer_config_DOT_json=named))
    assert tokenizer.added == (AddedToken("x"), AddedToken("film"))


def test_names_of_special_tokens(folder):
    tokens = ["<unk>", "<s>", "</s>", "<pad>", "<mask>", "a"]
    names = {"unk_token": "<unk>", "cls_token": {"content": "<s>", "__type": "AddedToken"}, "sep_token": "</s>"}
    rest = {"pad_token": "<pad>", "mask_token": {"content": "<mask>"}, "sep_token": "passed over"}
    place = folder(vocab_DOT_txt=tokens, tokenizer_config_DOT_json=names, special_tokens_map_DOT_json=rest)
    tokenizer = read_tokenizer(place)
    assert tokenizer.special_tokens == SpecialTokens("<unk>", "<s>", "</s>", "<pad>", "<mask>")
    assert tokenizer.encode("a <mask> b").tokens == ["<s>", "a", "<mask>", "<unk>", "</s>"]


def test_missing_special_tokens_are_named(folder):
    refused(folder(vocab_DOT_txt=["[PAD]", "[UNK]", "[CLS]", "a"]), "vocab.txt", "4 tokens without '[SEP]'")
    config = {"mask_token": "<mask>"}
    refused(folder(vocab_DOT_txt=WORDS, tokenizer_config_DOT_json=config), "vocab.txt", "without '<mask>'")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": []}, "model: expected WordPiece, got an array"),
        ({"model__vocab": []}, "model.vocab: expected an object, got an array"),
        ({"model__vocab": {}}, "model.vocab: expected 1 to 1048576 tokens, got 0"),
        ({"model__vocab": {"a": 0, "b": 2}}, "model.vocab: 'b': expected an id from 0 to 1, got 2 (integer)"),
        ({"model__vocab": {"a": 0, "b": 0}}, "model.vocab: 'b': expected an id of its own, got 0, as 'a' has"),
        ({"model__vocab": {"a": 0, "b": True}}, "got True (boolean)"),
        ({"model__vocab": {"a": 0, "b": 1.0}}, "got 1.0 (number)"),
        ({"model__vocab": {"a": 0, "b": -1}}, "got -1 (integer)"),
        ({"model__max_input_chars_per_word": 0}, "max_input_chars_per_word: expected an integer of at least 1, got 0"),
        ({"model__unk_token": 3}, "model.unk_token: expected a string, got 3"),
        ({"normalizer__lowercase": "yes"}, "normalizer.lowercase: expected true or false, got 'yes' (string)"),
        ({"post_processor": {"type": "BertProcessing", "sep": ["[CLS]", 2], "cls": ["[SEP]", 3]}}, "post_processor: "),
        ({"post_processor": {"type": "BertProcessing", "sep": 1, "cls": []}}, "post_processor: "),
        ({"added_tokens": {"a": 1}}, "added_tokens"),
        ({"added_tokens": [3]}, "added_tokens[0]: expected an object, got 3"),
        ({"added_tokens": [{"id": 9, "content": "film", **FLAGS}]}, "added_tokens[0].id: expected 6, the id of 'film'"),
        ({"added_tokens": [{"id": 20, "content": "<a>", **FLAGS}]}, "added_tokens[0].id: expected 14, the id of '<a>'"),
        ({"added_tokens": [{"id": 14, "content": "", **FLAGS}]}, "added_tokens[0].content: expected a token"),
    ],
)
def test_damaged_descriptions_are_refused_by_name(folder, changes, message):
    refused(folder(tokenizer_DOT_json=description(**changes)), "tokenizer.json: ", message)


def test_post_processors_that_add_what_bert_adds(folder):
    bert = {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
    for post_processor in (bert, None):
        assert read_tokenizer(folder(tokenizer_DOT_json=description(post_processor=post_processor))).tokens == WORDS


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"do_lower_case": "true"}, "tokenizer_config.json: do_lower_case: expected true or false, got 'true'"),
        ({"strip_accents": 1}, "strip_accents: expected true or false, got 1 (integer)"),
        ({"cls_token": ["[CLS]"]}, "cls_token: expected a string, got an array"),
        ({"tokenizer_class": "BertJapaneseTokenizer"}, "tokenizer_class: expected BertTokenizer"),
        ({"do_basic_tokenize": False}, "do_basic_tokenize: expected true, as transformers 5 reads it, or load(path"),
        ({"model_input_names": "input_ids"}, "model_input_names: expected an array of names, got 'input_ids'"),
        ({"additional_special_tokens": [1]}, "additional_special_tokens: expected an array of tokens"),
        ({"added_tokens_decoder": {"x": {"content": "<a>", **FLAGS}}}, "added_tokens_decoder.'x'.id: expected 14"),
        ({"added_tokens_decoder": {"15": {"content": "<a>", **FLAGS}}}, "id: expected 14, the id of '<a>', got 15"),
    ],
)
def test_refused_configs(folder, config, message):
    refused(folder(vocab_DOT_txt=WORDS, tokenizer_config_DOT_json=config), message)


NAMES = ["input_ids", "token_type_ids", "attention_mask"]


@pytest.mark.parametrize("source", ["vocab.txt", "tokenizer.json"])
@pytest.mark.parametrize(
    ("config", "model", "second"),
    [
        ({}, {}, 1),
        ({"model_input_names": NAMES}, {}, 1),
        ({"model_input_names": ["input_ids", "attention_mask"]}, {}, 0),
        ({"tokenizer_class": "BertTokenizer"}, {"tokenizer_class": "DistilBertTokenizer"}, 1),
        ({"tokenizer_class": "DistilBertTokenizer"}, {}, 0),  # a class without segments
        ({}, {"tokenizer_class": "DistilBertTokenizerFast"}, 0),
        ({"tokenizer_class": "DistilBertTokenizer", "model_input_names": NAMES}, {}, 1),
    ],
)
def test_the_model_input_names_say_whether_there_are_segments(folder, tmp_path, source, config, model, second):
    files = {"vocab_DOT_txt": WORDS} if source == "vocab.txt" else {"tokenizer_DOT_json": description()}
    first = read_tokenizer(folder(tokenizer_config_DOT_json=config, config_DOT_json=model, **files))
    (tmp_path / "written").mkdir()
    first.write(tmp_path / "written")
    for tokenizer in (first, read_tokenizer(tmp_path / "written")):
        assert tokenizer.encode("the", "film").segment_ids == [0, 0, 0, second, second]
        assert tokenizer.has_segments == (second == 1)
    assert first.settings() == tokenizer.settings()


def test_words_between_white_space_alone_are_left_to_a_function(folder):
    """What the slow BertTokenizer of transformers 4 makes of do_basic_tokenize: False."""
    place = folder(vocab_DOT_txt=WORDS, tokenizer_config_DOT_json={"do_basic_tokenize": False})
    with pytest.raises(
        Error, match=r"or load\(path, tokenizer=str\.split\), which cuts at white space alone, got False"
    ):
        read_tokenizer(place)
    tokens = other_tokenizer(str.split, place).encode(" films,\tthe The\u3000é 中国 x").tokens
    assert tokens == ["[CLS]", "[UNK]", "the", "[UNK]", "é", "中", "##国", "x", "[SEP]"]


def test_the_class_of_the_tokenizer_may_stand_in_the_models_config(folder):
    """As in the published Japanese BERTs, whose words are found by a dictionary."""
    place = folder(vocab_DOT_txt=WORDS, config_DOT_json={"tokenizer_class": "BertJapaneseTokenizer"})
    refused(place, "config.json: tokenizer_class: expected BertTokenizer, or a tokenizer.json beside it, or tokenizer=")
    assert read_tokenizer(folder(tokenizer_config_DOT_json={"tokenizer_class": "BertTokenizer"})).tokens == WORDS


def test_a_vocabulary_without_mask_and_padding(folder):
    tokenizer = read_tokenizer(folder(vocab_DOT_txt=["[UNK]", "[CLS]", "[SEP]", "a"]))
    assert tokenizer.encode("a [MASK]").tokens == ["[CLS]", "a", "[UNK]", "[UNK]", "[UNK]", "[SEP]"]
    with pytest.raises(Error, match="expected a mask token, got none"):
        assert tokenizer.mask_id


def test_a_normalizer_in_a_sequence_of_one(folder):
    made = description()
    made["normalizer"] = {"type": "Sequence", "normalizers": [made["normalizer"]]}
    assert isinstance(read_tokenizer(folder(tokenizer_DOT_json=made)), WordPieceTokenizer)


def test_another_unknown_token_than_the_description_has_is_refused(folder):
    place = folder(tokenizer_DOT_json=description(), tokenizer_config_DOT_json={"unk_token": "x"})
    refused(place, "unk_token: expected '[UNK]' as in tokenizer.json, got 'x'")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b'{"a": 1, "a": 2}',
        b'{"model": NaN}',
        b"\xff",
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"model": {"type": "WordPiece", "vocab": {"\\ud800": 0}}}',
        b'{"a": ' + b"9" * 100_000 + b"}",
    ],
)
def test_damaged_json(folder, data):
    for name in ("tokenizer_DOT_json", "tokenizer_config_DOT_json", "special_tokens_map_DOT_json"):
        refused(folder(vocab_DOT_txt=WORDS, **{name: data}), name.replace("_DOT_", "."))
        folder(**{name: description() if name == "tokenizer_DOT_json" else {}})


def test_huge_json_is_refused_in_bounded_memory(tmp_path):
    code = "from numpy_bert.tokenizer.folder import read_tokenizer; read_tokenizer(sys.argv[1])"
    for data, message in (
        (b'{"a":[' + b"[]," * 4_000_000 + b"[]]}", "expected at most 2097152 values, got more"),
        (b'{"a":"' + b" " * (32 << 20) + b'"}', "expected at most 33554432 bytes of JSON"),
    ):
        (tmp_path / "tokenizer.json").write_bytes(data)
        assert_refused(run_limited(code, args=[tmp_path]), message)


def test_places_that_hold_no_tokenizer(tmp_path):
    refused(tmp_path, "expected a folder with vocab.txt or tokenizer.json, got neither")
    refused(tmp_path / "none", "got no folder")
    refused("a\0b", "expected a path")


@pytest.mark.parametrize("max_chars", [100, 200])
@pytest.mark.parametrize("lowercase", [True, False])
def test_what_is_written_reads_back_the_same(tmp_path, lowercase, max_chars):
    tokens = [*WORDS, "\u2028", "\u00a0", "<drug>"]
    added = (AddedToken("film", special=False, lstrip=True, normalized=True), AddedToken("<drug>"))
    first = WordPieceTokenizer(
        tokens,
        added=added,
        library_rules=lowercase,
        lowercase=lowercase,
        strip_accents=not lowercase,
        chinese=False,
        max_chars=max_chars,
    )
    first.write(tmp_path, model_max_length=512)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second = read_tokenizer(tmp_path)
    for name in (
        "tokens",
        "special_tokens",
        "added",
        "library_rules",
        "lowercase",
        "strip_accents",
        "chinese",
        "max_chars",
    ):
        assert getattr(first, name) == getattr(second, name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tokenizer_config.json", "vocab.txt"]
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())["model_max_length"] == 512


def test_writing_where_nothing_can_be_written(tmp_path):
    with pytest.raises(Error, match="cannot write"):
        WordPieceTokenizer(WORDS).write(tmp_path / "none")


def test_published_checkpoint_with_both_files():
    tokenizer = read_tokenizer(published("minilm"))
    assert len(tokenizer.tokens) == 30522
    assert tokenizer.tokens[-1] == "##～"
    assert tokenizer.encode("Hello world").ids == [101, 7592, 2088, 102]


def test_published_description_alone_tokenizes_as_the_other_one():
    from support.text_samples import lines, random_strings

    described, listed = read_tokenizer(published("splade")), read_tokenizer(published("minilm"))
    texts = lines(500) + random_strings(2000)
    assert described.tokens == listed.tokens
    assert described.encode_ids(texts) == listed.encode_ids(texts)


def test_published_cased_vocabulary_without_a_config():
    tokenizer = read_tokenizer(published("rxnfp") / "bert_ft")
    assert (len(tokenizer.tokens), tokenizer.lowercase) == (591, False)


@pytest.mark.parametrize(("files", "longest"), [
    (["bert_config.json"], 200),
    (["config.json"], 100),
    (["bert_config.json", "config.json"], 100),
    (["bert_config.json", "tokenizer_config.json"], 100),
    ([], 100),
])  # fmt: skip
def test_the_longest_word_follows_the_form_of_the_folder(tmp_path, files, longest):
    """Google's code gives up on words of more than 200 characters, Hugging Face's on those of more than 100."""
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##a\n", encoding="utf-8")
    for name in files:
        (tmp_path / name).write_text('{"do_lower_case": true}', encoding="utf-8")
    tokenizer = read_tokenizer(tmp_path)
    assert "[UNK]" not in tokenizer.tokenize("a" * longest)
    assert tokenizer.tokenize("a" * (longest + 1)) == ["[UNK]"]
