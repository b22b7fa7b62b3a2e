"""The checker itself, on small layers of its own: it must pass what is right and say of what is wrong what it is."""

import math
from typing import NamedTuple

import numpy as np
import pytest
from scipy.special import expit

from numpy_bert.errors import Error, UsageError
from numpy_bert.gradcheck import checker

METHODS = tuple(checker.METHODS)


class Params(NamedTuple):
    W: np.ndarray
    b: np.ndarray


class Nested(NamedTuple):
    inner: Params
    nothing: None
    scale: np.ndarray  # 0-d


def linear(x, params):
    return x @ params.W.T + params.b, (x, params.W)


def linear_backward(dy, cache):
    x, W = cache
    return dy @ W, Params(dy.T @ x, dy.sum(axis=0))


@pytest.fixture
def arguments(rng):
    params = Params(rng.standard_normal((2, 4)), rng.standard_normal(2))
    return {"x": rng.standard_normal((3, 4)), "params": params}


@pytest.mark.parametrize("method", METHODS)
def test_a_right_backward_passes(arguments, method):
    rows = checker.check(linear, linear_backward, arguments, method)
    assert [row.name for row in rows] == ["x", "params.W", "params.b"]
    assert [row.elements for row in rows] == [12, 8, 2]
    assert all(row.passed and row.method == method and row.problem == "" for row in rows)
    assert all(row.error <= row.tolerance == checker.METHODS[method].tolerance for row in rows)


def test_errors_of_the_methods_are_what_theory_says(arguments):
    """Complex step to rounding; central differences to about ten digits, and not by luck to more."""

    def cubic(x):
        return x * x * x, x

    def cubic_backward(dy, x):
        return 3.0 * x * x * dy

    only = {"x": arguments["x"]}
    [exact] = checker.check(cubic, cubic_backward, only, "complex")
    [central] = checker.check(cubic, cubic_backward, only, "central")
    assert exact.error < 1e-15
    assert 1e-13 < central.error < 1e-9


@pytest.mark.parametrize("method", METHODS)
def test_a_wrong_number_is_found_and_shown(arguments, method):
    def wrong(dy, cache):
        dx, dparams = linear_backward(dy, cache)
        dW = dparams.W.copy()
        dW[1, 2] += 1e-3
        return dx, Params(dW, dparams.b)

    x, W, b = checker.check(linear, wrong, arguments, method)
    assert x.passed
    assert b.passed
    assert not W.passed
    assert W.error > 1e-6
    if not method.endswith("projection"):
        assert W.place == (1, 2)
        assert W.analytic - W.numeric == pytest.approx(1e-3, rel=1e-4)


def test_a_relative_error_of_1e_9_is_found(arguments):
    def wrong(dy, cache):
        dx, dparams = linear_backward(dy, cache)
        return dx * (1.0 + 1e-9), dparams

    assert [row.passed for row in checker.check(linear, wrong, arguments)] == [False, True, True]
    assert [row.passed for row in checker.check(linear, wrong, arguments, "projection")] == [False, True, True]
    [x, *_] = checker.check(linear, wrong, arguments)
    assert x.error == pytest.approx(1e-9, rel=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_trees_scalars_and_what_has_no_gradient(rng, method):
    """Nested parameters, None inside, a 0-d array, integers and booleans between, two outputs, one of them integer."""

    def forward(ids, x, mask, name, params):
        h = x[ids] * mask[:, None]
        y = h @ params.inner.W.T + params.inner.b
        return {"a": None}.get(name, Nested(Params(y, y * params.scale), None, ids)), (ids, x, mask, params, y, h)

    def backward(dy, cache):
        ids, x, mask, params, y, h = cache
        dout = dy.inner.W + dy.inner.b * params.scale
        dx = np.zeros_like(x)
        np.add.at(dx, ids, dout @ params.inner.W * mask[:, None])
        dparams = Nested(Params(dout.T @ h, dout.sum(axis=0)), None, (dy.inner.b * y).sum())
        return dx, dparams

    params = Nested(Params(rng.standard_normal((2, 4)), rng.standard_normal(2)), None, np.array(0.7))
    ids, mask = np.array([0, 2, 2, 1]), np.array([True, True, False, True])
    arguments = {"ids": ids, "x": rng.standard_normal((3, 4)), "mask": mask, "name": "b", "params": params}
    rows = checker.check(forward, backward, arguments, method)
    assert [row.name for row in rows] == ["x", "params.inner.W", "params.inner.b", "params.scale"]
    assert all(row.passed for row in rows)
    assert rows[-1].elements == 1


def test_a_scalar_loss(rng):
    rows = checker.check(lambda x: ((x * x).sum(), x), lambda dy, x: 2.0 * dy * x, {"x": rng.standard_normal(5)})
    assert rows[0].passed


def test_a_single_gradient_may_stand_alone_or_in_a_tuple(arguments):
    for wrap in (lambda dx: dx, lambda dx: (dx,)):
        [row] = checker.check(lambda x: (x * x, x), lambda dy, x, w=wrap: w(2 * x * dy), {"x": arguments["x"]})
        assert row.passed


def test_arrays_without_elements():
    rows = checker.check(lambda x: (x * x, x), lambda dy, x: 2 * x * dy, {"x": np.zeros((0, 3))})
    assert (rows[0].passed, rows[0].error, rows[0].elements) == (True, 0.0, 0)


def test_a_gradient_that_is_zero_but_for_rounding_is_measured_by_the_others(rng):
    """softmax(x + b): the shift b has no effect, and 1e-17 against 0 is no error of 100 %."""

    def forward(x, b):
        e = np.exp(x + b)
        p = e / e.sum()
        return p, p

    def backward(dy, p, wrong=0.0):
        dx = p * (dy - (p * dy).sum())
        return dx, dx.sum() + wrong

    arguments = {"x": rng.standard_normal(5), "b": np.array(0.3)}
    for method in METHODS:
        assert all(row.passed for row in checker.check(forward, backward, arguments, method))
    x, b = checker.check(forward, lambda dy, p: backward(dy, p, 1e-9), arguments)
    assert x.passed
    assert not b.passed


@pytest.mark.parametrize(
    ("spoil", "name", "problem"),
    [
        (lambda dx, dp: dx, "x", "expected 2 gradients (x, params), got ndarray"),
        (lambda dx, dp: (dx, dp, dx), "x", "expected 2 gradients (x, params), got 3 of them"),
        (lambda dx, dp: (dx.T, dp), "x", "expected shape (3, 4), got (4, 3)"),
        (lambda dx, dp: (dx[None], dp), "x", "expected shape (3, 4), got (1, 3, 4)"),
        (lambda dx, dp: (None, dp), "x", "expected an array, got None"),
        (lambda dx, dp: (dx.tolist(), dp), "x", "expected an array, got list"),
        (lambda dx, dp: (dx.astype(np.float32), dp), "x", "expected float64, got float32"),
        (lambda dx, dp: (dx + 0j, dp), "x", "expected float64, got complex128"),
        (lambda dx, dp: (dx * np.nan, dp), "x", "expected finite numbers, got nan"),
        (lambda dx, dp: (dx, None), "params.W", "expected Params for params, got NoneType"),
        (lambda dx, dp: (dx, (dp.W,)), "params.b", "expected Params for params, got tuple"),
        (lambda dx, dp: (dx, dp._replace(b=None)), "params.b", "expected an array, got None"),
        (lambda dx, dp: (dx, dp._replace(b=dp.b.sum())), "params.b", "expected shape (2,), got ()"),
    ],
)
def test_a_gradient_that_cannot_be_one_is_a_failed_row(arguments, spoil, name, problem):
    rows = {row.name: row for row in checker.check(linear, lambda *a: spoil(*linear_backward(*a)), arguments)}
    assert rows[name].problem == problem
    assert not rows[name].passed
    assert rows[name].error == math.inf
    assert set(rows) == {"x", "params.W", "params.b"}


def test_a_plain_tuple_may_stand_for_a_named_one(arguments):
    rows = checker.check(linear, lambda *a: (linear_backward(*a)[0], tuple(linear_backward(*a)[1])), arguments)
    assert all(row.passed for row in rows)


class TestConduct:
    def only_row(self, backward, arguments):
        [row] = checker.check(linear, backward, arguments)
        assert (row.name, row.passed, row.error) == ("backward", False, math.inf)
        return row.problem

    def test_a_backward_that_writes_to_dy(self, arguments):
        def wrong(dy, cache):
            result = linear_backward(dy, cache)
            dy *= 2.0
            return result

        assert "got another dy" in self.only_row(wrong, arguments)

    def test_a_backward_that_writes_to_its_cache(self, arguments):
        def forward(x, params):
            y, (x, W) = linear(x, params)
            return y, {"kept": [x.copy()], "W": W}

        def wrong(dy, cache):
            result = linear_backward(dy, (cache["kept"][0], cache["W"]))
            cache["kept"][0] -= 1.0
            return result

        [row] = checker.check(forward, wrong, arguments)
        assert "got another cache.kept.0" in row.problem

    def test_a_backward_that_adds_to_what_it_gave_before(self, arguments):
        total = []

        def wrong(dy, cache):
            dx, dparams = linear_backward(dy, cache)
            total.append(dparams.b)
            return dx, Params(dparams.W, sum(total))

        assert "from a second call" in self.only_row(wrong, arguments)

    def test_a_backward_with_a_result_in_the_same_memory_twice_is_fine(self, arguments):
        memory = np.empty((3, 4))

        def reuses(dy, cache):
            dx, dparams = linear_backward(dy, cache)
            memory[...] = dx
            return memory, dparams

        assert all(row.passed for row in checker.check(linear, reuses, arguments))


def refused(forward, arguments, backward=linear_backward, method="complex"):
    with pytest.raises(Error) as caught:
        checker.check(forward, backward, arguments, method)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestForwardsThatCannotBeMeasured:
    @pytest.mark.parametrize("method", METHODS)
    def test_random(self, arguments, rng, method):
        message = refused(lambda x, params: (x * rng.random(x.shape), x), arguments, method=method)
        assert "the second time" in message

    def test_writes_to_its_arguments(self, arguments):
        def forward(x, params):
            params.b[0] += 1.0
            return linear(x, params)

        assert "another params.b" in refused(forward, arguments)

    def test_gives_nan(self, arguments):
        assert "y: expected finite" in refused(lambda x, params: (np.full(2, np.nan), x), arguments)

    def test_gives_float32(self, arguments):
        assert "got float32" in refused(lambda x, params: (x.astype(np.float32), x), arguments)

    def test_gives_no_cache(self, arguments):
        assert "expected (y, cache), got ndarray" in refused(lambda x, params: x, arguments)


LOST = {
    "abs": lambda x: np.abs(x),
    "var": lambda x: (x - x.mean()) / np.sqrt(np.var(x) + 0.1),
    "std": lambda x: x / x.std(),
    "norm": lambda x: x / np.linalg.norm(x),
    "vdot": lambda x: np.vdot(x, x) * x,
    "real": lambda x: x.real * x,
    "conj": lambda x: x * x.conj(),
}


class TestComplexStepsThatGoWrong:
    """Each of these is a forward that is right for real numbers."""

    @pytest.mark.parametrize("name", LOST)
    def test_an_imaginary_part_lost_without_a_word(self, arguments, name):
        message = refused(lambda x: (LOST[name](x), x), {"x": arguments["x"]}, lambda dy, x: dy)
        assert "expected an analytic function of x" in message
        assert "np.var" in message
        assert "central" in message

    def test_an_imaginary_part_lost_with_a_warning(self, arguments):
        def forward(x):
            y = np.zeros(x.shape)
            y[:] = x * x
            return y, x

        message = refused(forward, {"x": arguments["x"]}, lambda dy, x: 2 * x * dy)
        assert "imaginary part" in message
        assert "np.zeros" in message

    def test_an_out_of_floats(self, arguments):
        message = refused(lambda x: (np.exp(x, out=np.empty(x.shape)), x), {"x": arguments["x"]}, lambda dy, x: dy)
        assert "out=" in message

    def test_a_function_without_a_complex_form(self, arguments):
        assert "expit" in refused(lambda x: (expit(x), x), {"x": arguments["x"]}, lambda dy, x: dy)

    def test_an_infinite_mask(self, arguments):
        def softmax(x):
            s = np.where(x > 0.5, x, -np.inf) / 2.0  # (-inf + 0i) / 2 is -inf + NaN i
            e = np.exp(s - s.max())
            return e / e.sum(), x

        message = refused(softmax, {"x": arguments["x"]}, lambda dy, x: dy)
        assert "-inf" in message

    def test_central_differences_take_them_all(self, arguments):
        [row] = checker.check(lambda x: (np.abs(x), x), lambda dy, x: dy * np.sign(x), {"x": arguments["x"]}, "central")
        assert row.passed

    def test_an_output_that_does_not_depend_on_an_argument_is_fine(self, arguments):
        def backward(dy, x):
            return 2.0 * x * dy, Params(np.zeros((2, 4)), np.zeros(2))

        assert all(row.passed for row in checker.check(lambda x, params: (x * x, x), backward, arguments))


class TestArgumentsThatCannotBeChecked:
    def test_float32(self, arguments):
        assert "x: expected float64" in refused(linear, arguments | {"x": arguments["x"].astype(np.float32)})

    def test_complex(self, arguments):
        assert "x: expected float64" in refused(linear, arguments | {"x": arguments["x"] + 0j})

    def test_dictionaries_and_lists(self, arguments):
        assert "params: expected arrays in tuples" in refused(linear, arguments | {"params": {"W": 1}})
        assert "got a list" in refused(linear, arguments | {"params": [1.0]})

    def test_nothing_to_differentiate(self):
        assert "at least one array" in refused(linear, {"ids": np.arange(3)})

    def test_an_unknown_method(self, arguments):
        with pytest.raises(UsageError, match="one of complex, central, projection, central-projection, got 'magic'"):
            checker.check(linear, linear_backward, arguments, "magic")


def test_the_seed_decides_the_upstream_gradient(arguments):
    first, again, other = (checker.check(linear, linear_backward, arguments, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first[0].analytic != other[0].analytic


def test_arguments_are_as_they_were(arguments):
    before = {"x": arguments["x"].copy(), "W": arguments["params"].W.copy()}
    for method in METHODS:
        checker.check(linear, linear_backward, arguments, method)
    assert np.array_equal(arguments["x"], before["x"])
    assert np.array_equal(arguments["params"].W, before["W"])


def test_the_example_of_the_docstring(rng, capsys):
    example = checker.__doc__.split("given to it:\n\n")[1].split("\nCheck at random")[0]
    code = "\n".join(line.removeprefix("    ") for line in example.splitlines())
    exec(code, {"gradcheck": checker, "x": rng.standard_normal((3, 4)), "W": rng.standard_normal((2, 4))})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["x", "W"]
    assert all(line.endswith("True") for line in lines)


def test_a_gradient_of_what_is_not_there_is_wrong():
    """The gradient of a tree has the form of the tree: None where it has None."""

    class Params(NamedTuple):
        W: np.ndarray
        b: np.ndarray | None

    def forward(params):
        return params.W * params.W, params

    arguments = {"params": Params(np.array([1.5, 2.5]), None)}
    [row] = checker.check(forward, lambda dy, params: Params(2 * params.W * dy, None), arguments)
    assert row.passed
    right, surplus = checker.check(forward, lambda dy, params: Params(2 * params.W * dy, dy), arguments)
    assert right.passed
    assert (surplus.name, surplus.passed, surplus.elements) == ("params.b", False, 0)
    assert surplus.problem == "expected None, since there is no such array, got a gradient"
