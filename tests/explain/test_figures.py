"""Figures: what they show, that they read without color, and that their fonts are in them."""

import re
import sys

import numpy as np
import pytest
from support.tiny import tiny_bert

from numpy_bert import Error
from numpy_bert.explain import embedding_figure
from numpy_bert.explain.tracing import attention_figure
from numpy_bert.files import figures

TEXTS = ["i liked this movie", "the movie was bad $ _ $", "it rains"]


@pytest.fixture(scope="module")
def model():
    return tiny_bert(())


@pytest.fixture(scope="module")
def traced(model):
    return model.trace("i liked this funny movie")


@pytest.fixture(scope="module")
def drawn(traced):
    return attention_figure.draw(traced, 1)


def test_attention_of_every_head(traced, drawn):
    shown = [axes for axes in drawn.axes if axes.axison]
    P = traced["bert.encoder.layers.1.attention.attention.forward.P"][0]
    assert [axes.get_title() for axes in shown] == ["head 0", "head 1", "head 2"]
    for axes, head in zip(shown, P, strict=True):
        np.testing.assert_allclose(axes.images[0].get_array() ** 2, head, atol=1e-6)
        assert [label.get_text() for label in axes.get_yticklabels()] == list(traced.asked.tokens)
        np.testing.assert_array_equal(axes.lines[0].get_xdata(), head.argmax(axis=1))  # the rings
    assert drawn.axes[0].images[0].get_cmap().name == "Greys"


@pytest.mark.parametrize("layer", [2, -1, "0", True])
def test_a_layer_that_is_not_there(traced, layer):
    with pytest.raises(Error, match="layer: expected an integer from 0 to 1, got "):
        attention_figure.draw(traced, layer)


def test_principal_components(rng):
    """Against the eigenvectors of the covariance; lengths in the plane are those of the projection."""
    X = rng.normal(size=(20, 6)) * [5, 3, 1, 1, 1, 1]
    plane = embedding_figure.principal_components(X)
    centered = X - X.mean(axis=0)
    values, vectors = np.linalg.eigh(centered.T @ centered)
    wanted = centered @ vectors[:, [-1, -2]]
    np.testing.assert_allclose(np.abs(plane.coordinates), np.abs(wanted), atol=1e-9)
    assert plane.share == pytest.approx(values[-2:].sum() / values.sum())
    turned = embedding_figure.principal_components(1 - X)
    np.testing.assert_allclose(turned.coordinates, -plane.coordinates, atol=1e-9)


@pytest.mark.parametrize(("rows", "share"), [(1, 1.0), (2, 1.0), (3, 1.0)])
def test_few_points_lie_in_a_plane(rng, rows, share):
    plane = embedding_figure.principal_components(rng.normal(size=(rows, 4)))
    assert plane.coordinates.shape == (rows, 2)
    assert plane.share == pytest.approx(share)


def test_embeddings_have_a_marker_a_text_and_a_label_a_token(model):
    figure = embedding_figure.draw(model, TEXTS)
    [axes] = figure.axes
    assert len({line.get_marker() for line in axes.lines}) == 3
    encoded = [model.tokenizer.encode(text, special=False).tokens[1:-1] for text in TEXTS]
    assert [text.get_text() for text in axes.texts] == [token for tokens in encoded for token in tokens]
    plane = embedding_figure.principal_components(np.concatenate([h[1:-1] for h in model(TEXTS)]))
    drawn = np.concatenate([line.get_xydata() for line in axes.lines])
    np.testing.assert_allclose(drawn, plane.coordinates)
    assert len(embedding_figure.draw(model, ["_good"], special=True).axes[0].texts) == 4
    with pytest.raises(Error, match="texts: expected a list of at least one text"):
        embedding_figure.draw(model, [])
    with pytest.raises(Error, match="texts: expected at least one word, got none"):
        embedding_figure.draw(model, ["", " "])


def test_fonts_are_in_the_files(model, traced, drawn, tmp_path):
    """Text that looks like a formula stays text; outlines in an SVG, TrueType in a PDF, pixels in a PNG."""
    embedding_figure.write(model, TEXTS, tmp_path / "e.svg")
    svg = (tmp_path / "e.svg").read_text("utf-8")
    assert "<path" in svg
    assert not re.search(r"<text|font-family|@font-face", svg)
    figures.save(drawn, tmp_path / "a.pdf")
    pdf = (tmp_path / "a.pdf").read_bytes()
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    attention_figure.write(traced, tmp_path / "a.PNG")
    assert (tmp_path / "a.PNG").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_files_that_cannot_be(tmp_path):
    empty = figures.new_figure(1, 1)
    with pytest.raises(Error, match=r"a\.gif: expected a name that ends with \.png, \.svg or \.pdf, got 'gif'"):
        figures.save(empty, tmp_path / "a.gif")
    with pytest.raises(Error, match="cannot write: its folder does not exist"):
        figures.save(empty, tmp_path / "none" / "a.png")
    assert not list(tmp_path.iterdir())


def test_without_matplotlib(traced, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(Error, match="a figure needs matplotlib"):
        attention_figure.draw(traced)


def test_curves_have_markers_and_lines_of_their_own():
    pairs = {(figures.LINES[i % 4], figures.MARKERS[i % 10]) for i in range(10)}
    assert len(pairs) == 10


def test_labels_of_near_places_stand_apart(model):
    """The same text twice: the second label of each place goes to the other side."""
    [axes] = embedding_figure.draw(model, ["good bad", "good bad"]).axes
    assert [text.get_ha() for text in axes.texts] == ["left", "left", "right", "right"]
