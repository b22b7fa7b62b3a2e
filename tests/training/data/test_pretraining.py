"""Text to pretraining batches: complete, reproducible, resumable, in bounded memory."""

import tracemalloc
from collections import Counter

import numpy as np
import pytest
from support.training_data import ORDINARY, TOKENIZER, corpus_of, data_of

from numpy_bert.blocks.cross_entropy import IGNORED
from numpy_bert.errors import Error
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer
from numpy_bert.training.data import pretraining
from numpy_bert.training.data.corpus import Corpus
from numpy_bert.training.data.pretraining import PretrainingData, PretrainingSettings
from numpy_bert.training.data.sentence_pairs import Packed


def content(parts):
    return [[np.asarray(a).tolist() for a in (*part.inputs.ids, part.inputs.mask, *part.labels)] for part in parts]


def test_batches_are_pairs_with_labels(tmp_path):
    data = data_of(corpus_of(tmp_path))
    labels = Counter()
    for _ in range(30):
        for inputs, (masked, follows) in data.next():
            token, position, segment = inputs.ids
            assert token.shape == masked.shape
            assert token.size <= 64
            assert (position == np.arange(token.shape[1])).all()
            labels.update(follows.tolist())
            for i in range(len(token)):
                n = token.shape[1] if inputs.mask is None else int(inputs.mask[i].sum())
                assert 5 <= n <= 24
                assert token[i, 0] == TOKENIZER.cls_id
                assert token[i, n - 1] == TOKENIZER.sep_id
                assert (token[i, n:] == TOKENIZER.pad_id).all()
                assert (masked[i, n:] == IGNORED).all()
                first_sep = int(segment[i].argmax()) - 1
                assert masked[i, [0, first_sep, n - 1]].tolist() == [IGNORED] * 3
                assert token[i, first_sep] == TOKENIZER.sep_id
                assert segment[i, :n].tolist() == [0] * (first_sep + 1) + [1] * (n - first_sep - 1)
                assert (masked[i] != IGNORED).sum() == max(1, round(0.15 * n))
    assert set(labels) == {0, 1}


def restored(inputs, masked):
    """The ids that were there before masking."""
    return np.where(masked == IGNORED, inputs.ids.token, masked)


def test_a_random_sentence_is_of_another_document(tmp_path):
    """Documents of one word each tell where a text is from."""
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(f"{word} {word}\n" * 5 for word in ORDINARY), encoding="utf-8")
    data = data_of(Corpus([path]))
    for _ in range(40):
        for inputs, (masked, follows) in data.next():
            for ids, segment, label in zip(restored(inputs, masked), inputs.ids.segment, follows, strict=True):
                words = [set(ids[(segment == part) & (ids > 4)].tolist()) for part in (0, 1)]
                assert [len(result) for result in words] == [1, 1]
                assert (words[0] == words[1]) == (label == 0)


def one_pass(data):
    """All steps of the pass that begins here."""
    steps, number = [], data.position["pass"]
    while data.position["pass"] == number:
        steps.append(data.next())
    return steps


@pytest.mark.parametrize("block", [1 << 21, 60, 1])
def test_a_pass_reads_every_document_whatever_the_block(tmp_path, monkeypatch, block):
    monkeypatch.setattr(pretraining, "BLOCK", block)
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(f"{word} {word}\n{word}\n" for word in ORDINARY), encoding="utf-8")
    data = data_of(Corpus([path]))
    for _ in range(2):
        seen = set()
        for step in one_pass(data):
            for inputs, (masked, _) in step:
                seen |= set(restored(inputs, masked).reshape(-1).tolist())
        assert {TOKENIZER.vocab[word] for word in ORDINARY} <= seen


def test_steps_of_a_block_are_about_equal(tmp_path):
    sizes = [sum(len(part.labels.next_sentence) for part in step) for step in one_pass(data_of(corpus_of(tmp_path)))]
    assert max(sizes) <= 4
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("block", [1 << 21, 90])
def test_seeking_is_going_there(tmp_path, monkeypatch, block):
    monkeypatch.setattr(pretraining, "BLOCK", block)
    corpus = corpus_of(tmp_path)
    data = data_of(corpus)
    positions, steps = [], []
    while data.position["pass"] < 3:
        positions.append(data.position)
        steps.append(content(data.next()))
    for i in range(0, len(steps), 5):
        other = data_of(corpus)
        other.seek(positions[i])
        assert other.position == positions[i]
        assert [content(other.next()) for _ in steps[i : i + 8]] == steps[i : i + 8]


def test_seeds_and_passes_differ(tmp_path):
    corpus = corpus_of(tmp_path)
    first = [content(step) for step in one_pass(data_of(corpus))]
    assert first == [content(step) for step in one_pass(data_of(corpus))]
    assert first != [content(step) for step in one_pass(data_of(corpus, seed=1))]
    data = data_of(corpus)
    one_pass(data)
    assert first != [content(step) for step in one_pass(data)]


def test_duplication_repeats_the_masks_of_the_first_pass(tmp_path):
    data = data_of(corpus_of(tmp_path), duplication=2)
    passes = []
    for _ in range(4):
        rows = [tuple(row) for step in one_pass(data) for part in step
                for row in zip(*(map(tuple, a.tolist()) for a in (part.inputs.ids.token, part.labels.masked_lm)),
                               strict=True)]  # fmt: skip
        stripped = [(tuple(i for i in a if i), tuple(i for i in b if i != IGNORED)) for a, b in rows]
        passes.append(Counter(stripped))
    assert passes[0] == passes[2]
    assert passes[1] == passes[3]
    assert passes[0] != passes[1]


def test_two_documents_are_enough_and_one_with_tokens_is_not(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text("film film\n\nbad bad\n")
    assert len(one_pass(data_of(Corpus([path])))) == 1
    path.write_text("film film\n\n\u200b\n", encoding="utf-8")
    with pytest.raises(Error, match=r"corpus.txt: expected two documents that the tokenizer finds tokens in"):
        data_of(Corpus([path]))


def test_empty_documents_are_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr(pretraining, "BLOCK", 1)
    path = tmp_path / "corpus.txt"
    path.write_text("film film\n\n\u200b\n\nbad bad\n\n\u200b\n\n\u200b\n", encoding="utf-8")
    data = data_of(Corpus([path]))
    for _ in range(5):
        assert len(one_pass(data)) == 2


@pytest.mark.parametrize(
    "position",
    [{}, {"pass": 0, "document": 99, "step": 0}, {"pass": -1, "document": 0, "step": 0},
     {"pass": 0, "document": 0, "step": 999}, {"epoch": 0, "step": 0}],
)  # fmt: skip
def test_no_such_place(tmp_path, position):
    with pytest.raises(Error, match=r"^data position: expected "):
        data_of(corpus_of(tmp_path)).seek(position)


@pytest.mark.parametrize(
    ("name", "value"), [("max_length", 4), ("short_share", 1.5), ("masked_share", "0.1"), ("most_masked", 0),
                        ("whole_words", 1), ("duplication", 0)],
)  # fmt: skip
def test_settings_are_checked(name, value):
    with pytest.raises(Error, match=f"^{name}: expected "):
        PretrainingSettings(**{name: value})


def test_the_description_changes_with_all_that_matters(tmp_path):
    corpus = corpus_of(tmp_path)
    ours = data_of(corpus).description
    assert ours == data_of(corpus).description
    assert ours != data_of(corpus, max_length=20).description
    assert ours != data_of(corpus_of(tmp_path, seed=1, name="other.txt")).description


def test_memory_does_not_grow_with_the_text(tmp_path, monkeypatch):
    """Five times the text in blocks of the same size takes about the same memory."""
    monkeypatch.setattr(pretraining, "BLOCK", 800)
    peaks = []
    for documents in (60, 300):
        corpus = corpus_of(tmp_path, documents, 10, name=f"{documents}.txt")
        tracemalloc.start()
        data = data_of(corpus, batch_size=32)
        for _ in range(30):
            data.next()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


def test_the_share_of_hidden_tokens_does_not_fall_in_long_pairs():
    assert [PretrainingSettings(n).masking.most for n in (128, 512, 5)] == [20, 77, 1]
    assert PretrainingSettings(512, most_masked=20).masking.most == 20


def test_a_packed_document_is_its_sentences():
    packed = Packed([[5, 6], [7], [8, 9, 10]])
    assert [packed[i].tolist() for i in range(3)] == [[5, 6], [7], [8, 9, 10]]
    assert [ids.tolist() for ids in packed[1:]] == [[7], [8, 9, 10]]
    assert (len(packed), packed.tokens, packed[-1].tolist()) == (3, 6, [8, 9, 10])
    with pytest.raises(IndexError):
        packed[3]
    assert not Packed([])


def test_another_casing_is_other_data(tmp_path):
    corpus = corpus_of(tmp_path)
    cased = WordPieceTokenizer(TOKENIZER.tokens, lowercase=False)
    first, second = (PretrainingData(corpus, t, PretrainingSettings(32), 4, 0).description for t in (TOKENIZER, cased))
    assert first != second


def test_masked_words_alone_take_every_token_of_a_single_document(tmp_path):
    path = tmp_path / "one.txt"
    path.write_text("the film was good\nit rains\n" * 20)
    settings = PretrainingSettings(12, next_sentence=False, short_share=0.0, masked_share=0.2)
    data = PretrainingData(Corpus([path], 1), TOKENIZER, settings, 4, 0)
    seen = []
    for _ in range(len(data._steps)):
        for batch in data.next():
            ids = np.where(batch.labels == IGNORED, batch.inputs.ids.token, batch.labels)
            assert not batch.inputs.ids.segment.any()
            assert (batch.labels != IGNORED).any(axis=1).all()
            mask = np.ones(ids.shape, bool) if batch.inputs.mask is None else batch.inputs.mask
            seen += [row[kept].tolist() for row, kept in zip(ids, mask, strict=True)]
    assert max(map(len, seen)) == 12
    words = sorted(token for row in seen for token in row[1:-1])
    [whole] = TOKENIZER.encode_ids(["the film was good it rains " * 20], special=False)
    assert words == sorted(whole[1:-1])
    assert PretrainingData(Corpus([path], 1), TOKENIZER, settings, 4, 0).description != data_of(Corpus([path], 1),
        next_sentence=False).description  # fmt: skip
