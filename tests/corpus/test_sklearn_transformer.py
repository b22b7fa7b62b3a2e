"""SentenceVectors does what scikit-learn asks of a transformer of texts."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn import clone, config_context
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import _set_output, estimator_checks, get_tags
from sklearn.utils.validation import validate_data
from support.tiny import PLAIN, tiny_bert

import numpy_bert
from numpy_bert.corpus.sklearn_transformer import SentenceVectors
from numpy_bert.errors import Error

TEXTS = ["i liked this movie", "it rains", "", "a dull film"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tiny_bert().save(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture(scope="module")
def reviews():
    """Texts with the word good or the word bad in them, and which of the two."""
    rng = np.random.default_rng(0)
    plain = [word for word in PLAIN.split() if word not in ("good", "bad")]
    labels = rng.integers(0, 2, 60)
    said = [("bad bad", "good good")[label] for label in labels]
    return [f"{' '.join(rng.choice(plain, 2))} {word}" for word in said], labels


def test_the_vectors_are_those_of_embed(folder):
    wanted = numpy_bert.load(folder).embed(TEXTS)
    made = SentenceVectors(folder)
    for actual in (made.transform(TEXTS), made.fit(TEXTS).transform(TEXTS), made.fit_transform(TEXTS, [0, 1, 0, 1]),
                  made.transform(np.array(TEXTS)), made.transform(np.array(TEXTS, object)), made.transform(iter(TEXTS)),
                  SentenceVectors(numpy_bert.load(folder)).transform(tuple(TEXTS))):  # fmt: skip
        np.testing.assert_array_equal(actual, wanted)
    assert made.transform([]).shape == (0, 12)
    assert made.get_feature_names_out().tolist() == [f"sentencevectors{i}" for i in range(12)]


def test_in_a_pipeline(folder, reviews):
    texts, labels = reviews
    pipeline = make_pipeline(SentenceVectors(folder), LogisticRegression(C=100, max_iter=1000))
    assert pipeline.fit(texts[:40], labels[:40]).score(texts[40:], labels[40:]) > 0.8
    assert cross_val_score(pipeline, texts, labels, cv=2).shape == (2,)
    again = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(again.predict(texts), pipeline.predict(texts))
    assert "SentenceVectors" in repr(pipeline)
    assert "SentenceVectors" in pipeline._repr_html_()
    assert pipeline[:-1].get_feature_names_out().shape == (12,)
    with config_context(enable_metadata_routing=True):
        pipeline.fit(texts[:10], [0, 1] * 5)


def test_in_a_grid_search_over_models(folder, reviews, tmp_path):
    other = str(tiny_bert(seed=1).save(tmp_path / "other"))
    pipeline = make_pipeline(SentenceVectors(), LogisticRegression(max_iter=1000))
    search = GridSearchCV(pipeline, {"sentencevectors__model": [folder, other]}, cv=2, error_score="raise")
    search.fit(*reviews)
    assert search.best_params_["sentencevectors__model"] in (folder, other)


def test_beside_other_columns(folder):
    table = np.array([["good", 1], ["bad", 2]], dtype=object)
    both = ColumnTransformer([("text", SentenceVectors(folder), 0), ("number", "passthrough", [1])])
    assert both.fit_transform(table).shape == (2, 13)
    with pytest.raises(Error, match=r"X: expected a list or column of texts, got ndarray of shape \(2, 1\)"):
        ColumnTransformer([("text", SentenceVectors(folder), [0])]).fit_transform(table)


def test_a_clone_is_new_and_the_same(folder):
    made = SentenceVectors(folder).fit(TEXTS)
    copied = clone(made)
    assert copied is not made
    assert copied.get_params() == {"model": folder}
    assert vars(copied) == {"model": folder}  # nothing is loaded yet
    np.testing.assert_array_equal(copied.transform(TEXTS), made.transform(TEXTS))
    with_bert = clone(SentenceVectors(numpy_bert.load(folder)))
    np.testing.assert_array_equal(with_bert.transform(TEXTS), made.transform(TEXTS))


def test_another_model_is_opened_when_it_is_set(folder, tmp_path):
    other = str(tiny_bert(seed=1).save(tmp_path / "other"))
    made = SentenceVectors(folder)
    first = made.transform(TEXTS)
    assert made.set_params(model=other) is made
    assert not np.allclose(made.transform(TEXTS), first)
    assert made.set_params() is made
    assert made.get_params() == {"model": other}


def test_it_is_opened_once(folder, monkeypatch):
    from numpy_bert.corpus import sklearn_transformer

    calls = []
    load = sklearn_transformer.load
    monkeypatch.setattr(sklearn_transformer, "load", lambda *args, **kw: (calls.append(kw), load(*args, **kw))[1])
    made = SentenceVectors(folder)
    for _ in range(3):
        made.fit(TEXTS).transform(TEXTS)
    assert calls == [{}]  # no file is mapped


@pytest.mark.parametrize(("column", "message"), [
    ("it rains", "X: expected a list or column of texts, got str"),
    (None, "X: expected a list or column of texts, got NoneType"),
    (3, "X: expected a list or column of texts, got int"),
    (["good", 3.0], r"X\[1\]: expected a text, got float"),
    ([["good"]], r"X\[0\]: expected a text, got list"),
    (np.array([["good", "bad"]]), r"X: expected a list or column of texts, got ndarray of shape \(1, 2\)"),
    (np.array("good"), r"got ndarray of shape \(\)"),
    (np.zeros(2), r"X\[0\]: expected a text, got float64"),
])  # fmt: skip
def test_what_is_no_column_of_texts(folder, column, message):
    for call in (SentenceVectors(folder).transform, SentenceVectors(folder).fit_transform):
        with pytest.raises(Error, match=message):
            call(column)


def test_a_table_of_pandas_is_refused_and_its_column_taken(folder):
    """Iterated, a table gives the names of its columns. Without pandas, by what it looks like."""

    class Table:
        ndim, shape = 2, (2, 1)

        def __iter__(self):
            return iter(["name"])

    with pytest.raises(Error, match=r"got Table"):
        SentenceVectors(folder).transform(Table())


def test_wrong_models_and_parameters_are_one_line(tmp_path):
    with pytest.raises(Error, match="nowhere: expected a folder or a file"):
        SentenceVectors(tmp_path / "nowhere").fit(TEXTS)
    with pytest.raises(ValueError, match="Invalid parameter 'pooling' for estimator"):
        SentenceVectors().set_params(pooling="mean")


class Frame:
    """What scikit-learn makes of a result, in the place of a library of tables."""

    container_lib = "frame"

    def create_container(self, X_output, X_original, columns, inplace=True):
        return columns() if callable(columns) else columns, X_output

    def is_supported_container(self, X):
        return False

    def rename_columns(self, X, columns):
        raise NotImplementedError

    def hstack(self, Xs):
        raise NotImplementedError


def test_set_output_gives_tables_with_the_names_of_the_columns(folder, monkeypatch):
    monkeypatch.setitem(_set_output.ADAPTERS_MANAGER.adapters, "frame", Frame())
    made = SentenceVectors(folder).set_output(transform="frame")
    columns, vectors = made.fit(TEXTS).transform(TEXTS)
    assert list(columns) == made.get_feature_names_out().tolist()
    np.testing.assert_array_equal(vectors, numpy_bert.load(folder).embed(TEXTS))


# What scikit-learn checks itself. For transformers that take nothing but texts its generator has one check and then
# gives up, since all others feed numbers; so they run on a transformer that says each number as a word and is otherwise
# the same. What the generator leaves out there does not apply: classifiers, regressors, weights of samples and arrays
# of other libraries.

BERT = tiny_bert()


class OfNumbers(SentenceVectors):
    """A row of numbers is read as a text."""

    def _texts(self, X, reset):
        X = validate_data(self, X, reset=reset)
        words = np.array(PLAIN.split())
        return [" ".join(words[(np.abs(row) * 7).astype(int) % len(words)]) for row in X]

    def fit(self, X, y=None):
        return super().fit(self._texts(X, reset=True))

    def transform(self, X):
        return super().transform(self._texts(X, reset=not hasattr(self, "n_features_in_")))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.one_d_array, tags.input_tags.string = True, False, False
        return tags


def each_check():
    for estimator, check in estimator_checks.estimator_checks_generator(OfNumbers(BERT)):
        if check.func.__name__ != "check_array_api_input":
            yield pytest.param(estimator, check, id=check.func.__name__)


@pytest.mark.parametrize(("estimator", "check"), list(each_check()))
def test_estimator_checks(estimator, check):
    check(estimator)


def test_the_estimator_check_for_texts():
    estimator_checks.check_estimator_cloneable("SentenceVectors", SentenceVectors(BERT))


def test_scikit_learn_is_told_what_it_is(folder):
    tags = get_tags(SentenceVectors(folder))
    assert (tags.requires_fit, tags.target_tags.required) == (False, False)
    assert (tags.input_tags.string, tags.input_tags.one_d_array, tags.input_tags.two_d_array) == (True, True, False)


def test_without_the_extra_one_line_says_what_to_install():
    code = """
import sys
sys.modules["sklearn"] = None
import numpy_bert.corpus
try:
    from numpy_bert.corpus.sklearn_transformer import SentenceVectors
except numpy_bert.Error as error:
    print(error)
"""
    paths = str(next(iter(numpy_bert.__path__)).removesuffix("numpy_bert"))
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": paths})
    assert done.stdout == "SentenceVectors needs scikit-learn; run: pip install 'numpy-bert[sklearn]'\n"
