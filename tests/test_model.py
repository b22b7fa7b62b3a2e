"""What load() returns, and the methods of Bert, on tiny models with random weights."""

import os
import pickle
import threading
import warnings

import numpy as np
import pytest
from support.tiny import tiny_bert, tiny_config

import numpy_bert
from numpy_bert import Error
from numpy_bert.checkpoints.sentence_pooling import SentencePooling
from numpy_bert.checkpoints.sentence_steps import Normalize
from numpy_bert.model import Bert
from numpy_bert.numerics import tree
from numpy_bert.tasks import objective
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer

TEXTS = ["i liked this movie .", "it rains", "", "the very very good film and the train to berlin .", "unknownword !"]


@pytest.fixture(scope="module")
def bert():
    return tiny_bert()


@pytest.fixture(scope="module")
def double():
    return tiny_bert(dtype="float64")


def test_a_text_gives_an_array_and_a_list_a_list(bert):
    hidden = bert(TEXTS[0])
    count = bert(TEXTS)
    assert hidden.shape == (7, 12)
    assert [h.shape for h in count] == [(len(bert.tokenizer.encode(text).ids), 12) for text in TEXTS]
    np.testing.assert_allclose(count[0], hidden, atol=1e-5)
    assert bert([]) == []


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
def test_a_batch_equals_one_text_at_a_time(dtype, tolerance, rng):
    bert = tiny_bert(dtype=dtype)
    words = [token for token in bert.tokenizer.tokens if token.isalpha()]
    texts = [" ".join(rng.choice(words, n)) for n in rng.integers(0, 20, 60)]
    together = bert(texts)
    for text, vectors in zip(texts, together, strict=True):
        np.testing.assert_allclose(vectors, bert(text), atol=tolerance, rtol=0)
    np.testing.assert_allclose(bert.embed(texts), [bert.embed(text) for text in texts], atol=tolerance, rtol=0)


def test_sentence_vectors_are_pooled_as_told(bert):
    h = bert(TEXTS[0])
    for pooling, wanted in (("mean", h.mean(axis=0)), ("cls", h[0]), ("max", h.max(axis=0))):
        plain = Bert(bert.config, bert.params, bert.tokenizer, SentencePooling(pooling))
        unit = Bert(bert.config, bert.params, bert.tokenizer, SentencePooling(pooling, (Normalize(),)))
        np.testing.assert_allclose(plain.embed(TEXTS[0]), wanted, atol=1e-6)
        np.testing.assert_allclose(unit.embed(TEXTS)[0], wanted / np.sqrt((wanted**2).sum()), atol=1e-6)
    assert bert.embed(TEXTS).shape == (5, 12)
    assert bert.embed([]).shape == (0, 12)


def test_an_unknown_pooling_is_told_when_it_is_needed(bert):
    broken = Bert(bert.config, bert.params, bert.tokenizer, Error("expected mean, got pooling_mode_lasttoken"))
    assert broken("it rains").shape == (4, 12)
    with pytest.raises(Error, match="lasttoken"):
        broken.embed("it rains")


def test_similarity_is_the_cosine(bert):
    cosines = bert.similarity(TEXTS[:3], TEXTS)
    assert cosines.shape == (3, 5)
    np.testing.assert_allclose(np.diag(cosines), 1.0, atol=1e-6)
    a, b = bert.embed(TEXTS[0]), bert.embed(TEXTS[1])
    np.testing.assert_allclose(cosines[0, 1], a @ b / np.sqrt((a @ a) * (b @ b)), atol=1e-6)


def test_fill_mask_agrees_with_the_logits(double):
    text = "the [MASK] was very [MASK] ."
    answers = double.fill_mask(text, top_k=4)
    ids = double.tokenizer.encode(text).ids
    logits = double.logits("masked_lm", [ids])[0]
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    assert [len(answer) for answer in answers] == [4, 4]
    for answer, place in zip(answers, [i for i, token in enumerate(ids) if token == 4], strict=True):
        assert [prediction.id for prediction in answer] == np.argsort(-p[place])[:4].tolist()
        for prediction in answer:
            assert prediction.token == double.tokenizer.tokens[prediction.id]
            assert prediction.probability == pytest.approx(p[place, prediction.id])


@pytest.mark.parametrize(("text", "top_k", "message"), [
    ("no mask", 5, r"at least one \[MASK\]"),
    ("[MASK]", 0, "top_k: expected an integer from 1 to"),
    ("[MASK]", 10**9, "top_k"),
    ("[MASK]", 2.0, "top_k"),
    ("[MASK]", True, "top_k"),
])  # fmt: skip
def test_fill_mask_refuses(bert, text, top_k, message):
    with pytest.raises(Error, match=message):
        bert.fill_mask(text, top_k)


def test_next_sentence_and_pairs(double):
    a, b = "i liked this movie", "it was good"
    encoding = double.tokenizer.encode(a, b)
    logits = double.logits("next_sentence", [encoding.ids], [encoding.segment_ids])[0]
    assert double.next_sentence(a, b) == pytest.approx(np.exp(logits[0]) / np.exp(logits).sum())
    scores = double.logits("sequence_classification", [encoding.ids], [encoding.segment_ids])[0]
    answers = double.classify((a, b))
    assert answers.label == f"LABEL_{scores.argmax()}"
    assert sum(answers.scores.values()) == pytest.approx(1.0)
    assert double.classify([(a, b), (b, a)])[0].probability == pytest.approx(answers.probability)


def test_special_tokens_in_a_users_text_are_plain_text(bert):
    ids = bert.tokenizer.encode("good [SEP] bad", special=False).ids
    np.testing.assert_allclose(bert("good [SEP] bad"), bert.forward([ids]).hidden[0], atol=1e-6)


def test_typed_special_tokens_are_read_as_the_folder_has_them_or_the_caller_says(tmp_path):
    made = tiny_bert()
    tokenizer = WordPieceTokenizer(made.tokenizer.tokens, library_rules=True)  # as of a folder with tokenizer.json
    folder = Bert(made.config, made.params, tokenizer).save(tmp_path / "model")
    text = "good [SEP] bad"
    read, plain = (tokenizer.encode(text, special=special).ids for special in (True, False))
    for bert, ids in (
        (numpy_bert.load(folder), read),
        (numpy_bert.load(folder, special=False), plain),
        (pickle.loads(pickle.dumps(numpy_bert.load(folder, special=False))), plain),
    ):
        np.testing.assert_allclose(bert(text), bert.forward([ids]).hidden[0], atol=1e-6)
    bert = numpy_bert.load(folder)
    for special, ids in ((True, read), (False, plain), (None, read)):
        np.testing.assert_allclose(bert(text, special=special), bert.forward([ids]).hidden[0], atol=1e-6)
        np.testing.assert_allclose(bert.embed(text, special=special), bert.embed([text], special=special)[0], atol=1e-6)
        logits = bert.logits("sequence_classification", [ids])[0]
        assert bert.classify(text, special=special).label == bert.config.label_names[logits.argmax()]


def test_classes_carry_their_names():
    bert = tiny_bert(labels=("no", "maybe", "yes"))
    assert set(bert.classify("good").scores) == {"no", "maybe", "yes"}


def test_one_label_is_a_regression():
    bert = tiny_bert(num_labels=1)
    answers = bert.classify("good")
    assert answers.label is None
    ids = bert.tokenizer.encode("good").ids
    assert answers.scores["value"] == pytest.approx(bert.logits("sequence_classification", [ids])[0, 0])


def test_everything_on_request(bert):
    ids = [bert.tokenizer.encode(TEXTS[3]).ids]
    short, full = bert.forward(ids), bert.forward(ids, everything=True)
    assert np.array_equal(short.hidden, full.hidden)
    assert np.array_equal(short.pooled, full.pooled)
    assert short.layers == short.attentions == ()
    assert len(full.layers) == 3
    assert len(full.attentions) == 2
    assert np.array_equal(full.layers[-1], full.hidden)
    np.testing.assert_allclose(full.attentions[1].sum(axis=-1), 1.0, atol=1e-6)


def test_a_missing_head_is_named_with_those_there_are():
    bert = tiny_bert(heads=("masked_lm",), has_pooler=False)
    assert bert.forward([[2, 3]]).pooled is None
    for call in (lambda: bert.classify("good"), lambda: bert.next_sentence("a", "b")):
        with pytest.raises(Error, match="got a checkpoint with heads: masked_lm"):
            call()
    with pytest.raises(Error, match="expected one of masked_lm"):
        bert.logits("parsing", [[2, 3]])


@pytest.mark.parametrize("text", [b"bytes", None, 7, ["nested"]])
def test_what_is_no_text(bert, text):
    with pytest.raises(Error, match="str"):
        bert([text])
    if not isinstance(text, list):
        with pytest.raises(Error, match="str"):
            bert(text)


def test_a_long_text_is_cut_with_a_warning(bert):
    with pytest.warns(UserWarning, match="1 text was longer than 24 tokens"):
        assert bert("good " * 100).shape == (24, 12)
    with pytest.warns(UserWarning, match="2 texts were longer than 24"):
        bert.classify([("good " * 100, "bad"), ("good", "bad " * 50), ("good", "bad")])
    with pytest.warns(UserWarning, match="cut"), pytest.raises(Error, match="MASK"):
        bert.fill_mask("good " * 100 + "[MASK]")


def test_non_finite_logits_are_an_error():
    bert = tiny_bert()
    params = tree.replace(bert.params, "sequence_classification.dense.b", np.full(3, np.nan, np.float32))
    with pytest.raises(Error, match="finite"):
        Bert(bert.config, params, bert.tokenizer).classify("good")


def test_a_model_without_a_vocabulary_still_computes(bert):
    bare = Bert(bert.config, bert.params)
    assert bare.forward([[2, 5, 3]]).hidden.shape == (1, 3, 12)
    with pytest.raises(Error, match=r"vocab\.txt or tokenizer\.json"):
        bare("good")


def test_loss_and_gradients_have_the_type_of_the_parameters(double):
    ids = double.tokenizer.encode("the movie was good").ids
    labels = [[-100, -100, 8, -100, -100, -100]]
    batch = {"token_ids": [ids], "labels": (labels, [0])}
    loss, gradients = double.loss_and_gradients("pretraining", batch)
    assert np.isfinite(loss)
    assert type(gradients) is objective.Params
    for (name, array), (other, gradient) in zip(tree.items(double.params), tree.items(gradients), strict=True):
        assert (name, array.shape, array.dtype) == (other, gradient.shape, gradient.dtype)
    assert not np.any(gradients.sequence_classification.dense.W)
    assert np.any(gradients.masked_lm.bias)


@pytest.mark.parametrize(("batch", "message"), [
    ({"token_ids": [[2, 3]]}, "labels"),
    ({"labels": [1]}, "token_ids"),
    ({"token_ids": [[2, 3]], "labels": [1], "mask": 1}, "'mask'"),
    ({"token_ids": [[2, 3]], "labels": [3]}, "expected 0 to 2, or -100 to ignore, got 3"),
    ({"token_ids": [[2, 3]], "labels": [1.0]}, "expected integers, got float64"),
    ({"token_ids": [[2, 3]], "labels": [1, 2]}, r"expected shape \(1,\), got \(2,\)"),
])  # fmt: skip
def test_refused_batches(bert, batch, message):
    with pytest.raises(Error, match=message):
        bert.loss_and_gradients("sequence_classification", batch)


def test_threads_share_a_model(bert):
    """Eight threads, 200 calls each: every result is that of a single thread."""
    wanted = [bert(text) for text in TEXTS]
    vectors = bert.embed(TEXTS)
    wrong = []

    def work():
        for call in range(200):
            i = call % len(TEXTS)
            if not np.array_equal(bert(TEXTS[i]), wanted[i]):
                wrong.append(i)
            if call % 20 == 0 and not np.array_equal(bert.embed(TEXTS), vectors):  # with threads of its own
                wrong.append(call)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_nothing_handed_over_or_held_is_written_to(bert):
    before = [array.copy() for array in tree.leaves(bert.params)]
    ids = np.array([bert.tokenizer.encode(TEXTS[0]).ids])
    mask = np.ones_like(ids)
    kept = ids.copy()
    result = bert.forward(ids, attention_mask=mask)
    bert.classify(TEXTS)
    bert.embed(TEXTS)
    result.hidden[:] = 0  # what a caller does to a result does not reach the model
    assert np.array_equal(ids, kept)
    assert all(np.array_equal(a, b) for a, b in zip(before, tree.leaves(bert.params), strict=True))


@pytest.mark.parametrize("call", [
    lambda bert: bert(np.array("a")),
    lambda bert: bert.embed(7),
    lambda bert: bert.classify(("a", None)),
    lambda bert: bert.next_sentence("a", None),
    lambda bert: bert.choose("a", ["a", None]),
    lambda bert: bert.choose("a", None),
    lambda bert: bert.choose("a", {"a": 1, "b": 2}),
    lambda bert: bert.choose("a", iter(["one"])),
    lambda bert: bert.answer("was it", "it was", top_k=-1),
    lambda bert: bert.answer("was it", "it was", top_k=1.5),
    lambda bert: bert.answer("was it", "it was", stride=0),
    lambda bert: bert.answer("was it", ""),
    lambda bert: bert.logits(["x"], [[1]]),
    lambda bert: bert.forward([1, 2], None, [[1], [1, 2]]),
    lambda bert: bert.forward([1, 2], [[0, 0]]),
    lambda bert: bert.loss_and_gradients("masked_lm", None),
    lambda bert: bert.loss_and_gradients("masked_lm", {1: 2}),
    lambda bert: bert.loss_and_gradients("masked_lm", {"token_ids": [[2]], "labels": [[2]]}, rng=0),
    lambda bert: numpy_bert.load(3),
    lambda bert: numpy_bert.load(""),
])  # fmt: skip
def test_whatever_is_wrong_is_the_projects_own_error(bert, call):
    with pytest.raises(Error):
        call(bert)


def test_numpys_numbers_and_other_iterables_are_welcome(bert):
    assert len(bert.fill_mask("the [MASK]", np.int64(3))[0]) == 3
    assert bert.embed(text for text in TEXTS).shape == (5, 12)
    assert bert.embed(np.array(["good", "bad"])).shape == (2, 12)
    assert bert.choose("i liked", iter(["it", "the movie"])).text in ("it", "the movie")


def test_an_empty_batch_goes_through_every_head(bert):
    empty = np.zeros((0, 3), int)
    assert bert.forward(empty).hidden.shape == (0, 3, 12)
    shapes = {head: bert.logits(head, empty).shape for head in bert.heads}
    vocabulary = bert.config.vocab_size
    assert shapes == {
        "masked_lm": (0, 3, vocabulary),
        "next_sentence": (0, 2),
        "sequence_classification": (0, 3),
        "token_classification": (0, 3, 3),
        "question_answering": (0, 3, 2),
        "multiple_choice": (0,),
    }


def test_vectors_that_are_not_finite_are_an_error():
    bert = tiny_bert()
    params = tree.replace(bert.params, "bert.embedding.norm.beta", np.full(12, np.nan, np.float32))
    broken = Bert(bert.config, params, bert.tokenizer)
    for call in (broken, broken.embed):
        with pytest.raises(Error, match="finite"):
            call("good")


def test_a_model_can_be_pickled(bert):
    again = pickle.loads(pickle.dumps(bert))
    assert np.array_equal(again("it rains"), bert("it rains"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_computes_the_same(bert):
    wanted = bert(TEXTS)
    child = os.fork()
    if child == 0:
        right = all(np.array_equal(a, b) for a, b in zip(bert(TEXTS), wanted, strict=True))
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads resident memory from /proc")
def test_ten_thousand_calls_leave_memory_flat(bert):
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    ids = [bert.tokenizer.encode(TEXTS[0]).ids]
    for _ in range(1000):
        bert.forward(ids)
    before = resident()
    for _ in range(10_000):
        bert.forward(ids)
    assert resident() - before < 1 << 20


def test_tiny_weights_are_no_trouble(bert):
    """Denormal numbers are computed with, not flushed and not warned about."""
    params = tree.map(lambda array: (array * np.float32(1e-39)).astype(np.float32), bert.params)
    assert np.isfinite(Bert(bert.config, params, bert.tokenizer)("it rains")).all()


def test_load_refuses_half_precision(tmp_path):
    with pytest.raises(Error, match="dtype: expected float32 or float64, got 'float16'"):
        numpy_bert.load(tmp_path, dtype="float16")


def test_the_config_of_a_tiny_model_is_valid():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tiny_config().hidden_size == 12


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_number_of_threads_changes_no_answer(bert, threads):
    inputs = ["good", "it rains in berlin", "the movie was good"] * 40
    np.testing.assert_allclose(bert.embed(inputs, threads=threads), bert.embed(inputs), atol=1e-6)
    answers = bert.classify(inputs, threads=threads)
    assert [answer.label for answer in answers] == [answer.label for answer in bert.classify(inputs)]


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", True])
def test_numbers_of_threads_that_make_no_sense(bert, threads):
    with pytest.raises(Error, match=r"^threads: expected an integer of at least 1, got "):
        bert.embed(["good"], threads=threads)


# Lists.

PAIRS = [("i liked this movie", "it was good"), ("it rains", "the very very good film ."), ("good", "bad")]


@pytest.mark.parametrize(("method", "texts"), [
    ("__call__", TEXTS), ("fill_mask", ["the [MASK] was good", "[MASK]", "it [MASK] to [MASK] ."] * 5),
    ("tag", TEXTS * 3), ("classify", TEXTS), ("classify", PAIRS), ("next_sentence", PAIRS * 4),
    ("answer", PAIRS), ("choose", [("i liked", ["it", "the movie"]), ("it rains", ["in berlin", "and", "not"])] * 3),
])  # fmt: skip
def test_a_list_gives_what_its_texts_give_one_by_one(double, method, texts):
    call = getattr(double, method)
    separate = [call(*text) if method in ("next_sentence", "answer", "choose") else call(text) for text in texts]
    done = []
    for results in (call(texts), call(iter(texts), progress=done.append), call(texts, threads=2)):
        assert len(results) == len(texts)
        for result, single in zip(results, separate, strict=True):
            assert_close(result, single)
    assert sum(done) == (15 if method == "choose" else len(texts))
    assert call([]) == []


def assert_close(a, b):
    """Equal in structure and words, and in numbers to 1e-9."""
    assert type(a) is type(b)
    if isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_close(x, y)
    elif isinstance(a, dict):
        assert_close(list(a.items()), list(b.items()))
    elif isinstance(a, (float, np.ndarray)):
        np.testing.assert_allclose(a, b, atol=1e-9, rtol=0)
    else:
        assert a == b


def test_a_long_context_in_a_list_is_read_in_windows(double):
    context = "the film was good and the plot was dull but the actor was fun and it rains in berlin . " * 3
    single = double.answer("was it good", context, 3, 4)
    both = double.answer(["was it good", "and"], [context, "the actor"], top_k=3, stride=4)
    assert_close(both[0], single)
    assert_close(both[1], double.answer("and", "the actor", 3))


def test_pairs_come_as_two_lists_or_as_lists_of_two(double):
    a, b = zip(*PAIRS, strict=True)
    wanted = double.next_sentence(PAIRS)
    assert_close(double.next_sentence(a, b), wanted)
    assert_close(double.next_sentence([list(pair) for pair in PAIRS]), wanted)
    assert_close(double.classify([list(pair) for pair in PAIRS]), double.classify(PAIRS))


class NAType:
    """What pandas has for a missing value."""


@pytest.mark.parametrize("missing", [None, float("nan"), np.float64("nan"), NAType()])
@pytest.mark.parametrize("method", ["__call__", "embed", "classify", "tag", "fill_mask"])
def test_a_missing_value_names_its_row(bert, method, missing):
    with pytest.raises(Error, match=r"^row 2: expected a text \(str\), got a missing value \("):
        getattr(bert, method)(["[MASK]", "[MASK] good", missing, "[MASK]"])


@pytest.mark.parametrize(("call", "message"), [
    (lambda bert: bert.next_sentence(["a", "b"], ["c", None]), "^row 1, second of the pair: expected a text"),
    (lambda bert: bert.next_sentence(["a", "b"], ["c"]), r"^b: expected one for each a \(2\), got 1"),
    (lambda bert: bert.next_sentence([("a", "b"), "c"]), "^row 1: expected a pair, a and b, got str"),
    (lambda bert: bert.answer(["a", None], ["it", "was"]), "^row 1: question: expected a text .* missing"),
    (lambda bert: bert.answer(["a", "b"], ["it", ""]), "^row 1: context: expected a text with at least one word"),
    (lambda bert: bert.choose(["a", "b"], [["it", "was"], ["it"]]), "^row 1: choices: expected at least two texts"),
    (lambda bert: bert.choose(["a", "b"], [["it", "was"], ["it", None]]), "^row 1: choices, choice 1: expected a text"),
    (lambda bert: bert.fill_mask(["[MASK]", "good"]), r"^row 1: expected at least one \[MASK\], got none within 3"),
    (lambda bert: bert.tag(["good"], progress=3), "^progress: expected True, False or a function, got 3"),
])  # fmt: skip
def test_what_is_wrong_in_a_list_is_named_with_its_row(bert, call, message):
    with pytest.raises(Error, match=message):
        call(bert)


def test_progress_true_counts_on_stderr(bert, capsys):
    bert.tag(TEXTS, progress=True)
    bert.embed(TEXTS, progress=False)
    assert capsys.readouterr().err.endswith("\r5 of 5 texts\n")
