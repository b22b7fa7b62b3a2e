"""The explorer page in a real Chromium: it opens, its map, heat maps and views work, and its values are the arrays'.

One browser serves all tests. Without Chromium and its driver they are skipped, but fail where CI=true.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from support.browser import DESKTOP, SCREENS, keep_picture, scroll_width, set_screen
from support.checkpoints import published
from support.tiny import tiny_bert

from numpy_bert import load
from numpy_bert.explain.tracing import explorer, gradient_flow, quantize

TEXT = "I liked this movie because the actors are funny."
EVIL = "good </script><script>document.title='bad'</script> <img src=x onerror=alert(1)> \u05e9\u05dc \u202e \"'&"
ATTENTION = "bert.encoder.layers.0.attention.attention"


@pytest.fixture(scope="module")
def traced():
    return load(published("minilm")).trace(TEXT)


@pytest.fixture(scope="module")
def address(traced, tmp_path_factory):
    path = tmp_path_factory.mktemp("pages") / "page.html"
    explorer.write(traced, path)
    return path.as_uri()


@pytest.fixture(scope="module")
def evil(tmp_path_factory):
    model = tiny_bert(max_position_embeddings=120, labels=("<script>alert(1)</script>", "b", "c"))
    traced = model.trace(EVIL, "sequence_classification")
    path = tmp_path_factory.mktemp("pages") / "evil.html"
    explorer.write(traced, path)
    return traced, path.as_uri()


def show(browser, address, place="", size=DESKTOP, dark=False):
    """Opens the page at a place of it; whatever the console has to say is an error."""
    set_screen(browser, size, dark)
    browser.get("about:blank")
    browser.get(f"{address}#/{place}")
    assert browser.get_log("browser") == []


def find(browser, css):
    return browser.find_element(By.CSS_SELECTOR, css)


def cell(browser, block):
    return find(browser, f'.map [aria-label="{block}"]')


def number(text):
    return float(text.replace("−", "-"))


def readout(browser, view="#viewer"):
    """What stands above the heat map: the places by the name of their axis, and the value."""
    text = find(browser, f"{view} .readout").get_attribute("textContent")
    places = re.findall(r"(head|token|key|component|row|column) (\d+)(?: to (\d+))?", text.split(" = ")[0])
    result = re.search(r"= ([+−]?[\d.]+(?:e[+−]?\d+)?)", text)
    return {axis: range(int(a), int(b or a) + 1) for axis, a, b in places}, number(result[1])


def choose(browser, label):
    """Shows a value of the block that is open."""
    browser.execute_script("arguments[0].click()", find(browser, f'#block [aria-label^="show {label},"]'))


def point_at(browser, canvas):
    """Moves the mouse over a heat map, near the lower right corner of the part of it that is in sight."""
    place = """
        arguments[0].scrollIntoView({block: 'nearest'});
        let {right, bottom} = arguments[0].getBoundingClientRect();
        for (let box = arguments[0].parentElement; box; box = box.parentElement) {
          if (getComputedStyle(box).overflowX === 'visible') continue;
          const outer = box.getBoundingClientRect();
          [right, bottom] = [Math.min(right, outer.right), Math.min(bottom, outer.bottom)];
        }
        [right, bottom] = [Math.min(right, innerWidth), Math.min(bottom, innerHeight)];
        return [Math.floor(right - 27), Math.floor(bottom - 6)];
    """
    actions = ActionBuilder(browser, duration=0)
    actions.pointer_action.move_to_location(*browser.execute_script(place, canvas))
    actions.perform()
    WebDriverWait(browser, 10).until(lambda _: " = " in find(browser, "#viewer .readout").get_attribute("textContent"))


def test_it_opens_and_is_small(browser, address, pictures):
    show(browser, address)
    assert Path(address.removeprefix("file://")).stat().st_size < 5e6
    keep_picture(browser, pictures, "explorer", DESKTOP)


def test_the_map_by_mouse_and_by_keyboard(browser, address, traced):
    show(browser, address)
    blocks = {call.block for call in traced.calls}
    cells = browser.find_elements(By.CSS_SELECTOR, ".map .cell")
    assert {map_cell.get_attribute("aria-label") for map_cell in cells} >= {
        b for b in blocks if b.startswith("bert.encoder.")
    }
    cell(browser, "bert.encoder.layers.2.feed_forward.gelu").click()
    assert "gelu.py" in find(browser, "#block h2").text
    assert "Φ" in find(browser, "#block .equation").text
    assert cell(browser, "bert.encoder.layers.2.feed_forward.gelu").get_attribute("aria-current") == "true"
    browser.switch_to.active_element.send_keys(Keys.ARROW_UP)
    assert browser.switch_to.active_element.get_attribute("aria-label") == "bert.encoder.layers.1.feed_forward.gelu"
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    assert browser.execute_script(outline) == "solid"
    browser.switch_to.active_element.send_keys(Keys.ARROW_LEFT, Keys.ENTER)
    assert "layers.1.feed_forward.expand" in find(browser, ".where").text


def test_every_step_can_be_walked(browser, address, traced):
    show(browser, address)
    body = find(browser, "body")
    before = find(browser, ".where").text
    body.send_keys("n")
    assert find(browser, ".where").text != before
    body.send_keys("p")
    assert find(browser, ".where").text == before
    body.send_keys("N")
    assert "softmax" not in before
    assert find(browser, ".where").text.split("·")[1] != before.split("·")[1]
    show(browser, address, "walk/99999")
    assert "backward" in find(browser, ".where").text
    last = [value for value in traced.values if value.call is not None][-1]
    assert find(browser, "#viewer h3 code").text == last.variable


# Where the layout changes, besides.
EDGES = [((width, 720), False) for width in (640, 900, 901, 1320, 1321, 1366)]


@pytest.mark.parametrize(("size", "dark"), [*SCREENS, *EDGES])
def test_the_values_stay_in_sight_while_stepping(browser, address, pictures, size, dark):
    """Name, readout and heat map of the value stay on the screen, below the transport bar, and nothing overflows."""
    seen = """
        const box = (css) => document.querySelector(css).getBoundingClientRect();
        const [bar, name, readout, canvas] = ['#transport', '#viewer h3', '#viewer .readout', '#viewer .heat canvas']
          .map(box);
        return [bar.bottom, name.top, readout.bottom, Math.min(canvas.bottom, canvas.top + 40), innerHeight];
    """
    show(browser, address, size=size, dark=dark)
    for key in "nnnnNNNnnnNNpN":
        find(browser, "body").send_keys(key)
        bar, name, readout, canvas, bottom = browser.execute_script(seen)
        assert bar <= name < readout < canvas <= bottom
        assert scroll_width(browser) <= size[0]
    keep_picture(browser, pictures, "explorer-walk", size, dark)


@pytest.mark.parametrize(("size", "dark"), SCREENS)
def test_no_tab_is_wider_than_the_screen(browser, address, pictures, size, dark):
    show(browser, address, size=size, dark=dark)
    for tab in ("attention", "flow", "predictions", "about"):
        browser.execute_script("arguments[0].click()", find(browser, f"#tab-{tab}"))
        assert scroll_width(browser) <= size[0], tab
        keep_picture(browser, pictures, f"explorer-{tab}", size, dark)
    assert browser.get_log("browser") == []


def test_the_map_opens_where_it_is_folded(browser, address):
    show(browser, address, size=(1280, 720))
    assert not find(browser, ".map .rows").is_displayed()
    find(browser, ".map .fold").click()
    assert find(browser, ".map .rows").is_displayed()
    assert find(browser, ".map .fold").get_attribute("aria-expanded") == "true"


def test_a_gradient_leads_to_the_line_that_wrote_it(browser, address, traced):
    show(browser, address)
    cell(browser, ATTENTION).click()
    choose(browser, "dS")
    value = traced.by_name[f"{ATTENTION}.backward.dS"]
    assert find(browser, ".line.now .number").text == str(value.first)
    assert find(browser, "#viewer .facts .name").text == value.name
    assert "Gradient of the loss with respect to: attention scores" in find(browser, "#viewer .meaning").text
    find(browser, '#block .back [aria-label*="softmax.backward"].words').click()
    assert find(browser, "#viewer h3 code").text == "dS"
    find(browser, "#block .back .door").click()
    assert "softmax.py" in find(browser, "#block h2").text


@pytest.mark.parametrize(("block", "variable"), [
    (ATTENTION, "forward.P"),
    (ATTENTION, "backward.dS"),
    ("bert.encoder.layers.0.attention_norm", "forward.rstd"),
    ("bert.encoder.layers.3.feed_forward.gelu", "backward.dx"),
    ("bert.encoder.layers.5.feed_forward.contract", "backward.dW"),
    ("bert.embedding.word", "forward.ids"),
])  # fmt: skip
def test_values_are_those_of_the_arrays(browser, address, traced, block, variable):
    """Under the mouse and under the keyboard's cursor, to the precision that the page states."""
    show(browser, address)  # a fresh page: another test may have left a phone's window or a pointer in it
    browser.execute_script("arguments[0].click()", cell(browser, block))
    choose(browser, variable.rpartition(".")[2])
    array = np.asarray(traced[f"{block}.{variable}"])
    table = array.reshape([size for size in array.shape if size > 1] or [1])
    canvas = find(browser, "#viewer .heat canvas")
    scale = float(np.abs(array).max())
    seen = set()
    for way in ("mouse", "keyboard", "further"):
        if way == "mouse":
            point_at(browser, canvas)
        else:
            canvas.send_keys(Keys.ARROW_LEFT, Keys.ARROW_UP, Keys.ARROW_LEFT)
        places, shown = readout(browser)
        part = table[np.ix_(*places.values())]
        exact = float(part.flat[np.abs(part).argmax()])
        seen.add(tuple(map(tuple, places.values())))
        error = np.sqrt(abs(exact) * scale) / quantize.LEVELS + scale / 64516 + 1e-4 * abs(exact)
        assert abs(shown - exact) <= (error if array.size > quantize.EXACT else 1e-6 * scale), (places, shown, exact)
    assert len(seen) > 1


def test_attention_of_all_heads(browser, address, traced):
    show(browser, address, "attention/0/0")
    assert len(browser.find_elements(By.CSS_SELECTOR, ".heads .head")) == 6 * 12
    find(browser, '[aria-label="layer 2, head 3"]').click()
    assert find(browser, ".one h2").text == "Layer 2, head 3"
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert find(browser, ".one h2").text == "Layer 2, head 4"
    P = traced["bert.encoder.layers.2.attention.attention.forward.P"][0]
    tokens = browser.find_elements(By.CSS_SELECTOR, ".sees .token")
    ActionChains(browser, duration=0).move_to_element(tokens[4]).perform()
    tokens = browser.find_elements(By.CSS_SELECTOR, ".sees .token")
    assert "asks" in tokens[4].get_attribute("class")
    shown = [number(token.find_element(By.CSS_SELECTOR, "small").text) for token in tokens]
    np.testing.assert_allclose(shown, P[4, 4], atol=0.008 * P.max() + 0.005)
    find(browser, ".one canvas").send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    places, value = readout(browser, ".one")
    assert (places["token"][0], places["key"][0]) == (1, 0)
    assert value == pytest.approx(float(P[4, 1, 0]), abs=0.008 * float(P.max()))
    assert "asks" in browser.find_elements(By.CSS_SELECTOR, ".sees .token")[1].get_attribute("class")
    browser.find_elements(By.CSS_SELECTOR, "#attention .choice button")[1].click()
    assert "−" in find(browser, ".sees").text


def test_where_the_gradient_flows(browser, address, traced):
    show(browser, address, "flow")
    wanted = gradient_flow.flow(traced)
    rows = browser.execute_script(
        "return [...document.querySelectorAll('#flow .heat-table')].map((table) =>"
        "[...table.tBodies[0].rows].map((row) => [...row.cells].slice(1).map((cell) => cell.textContent)))"
    )
    for table, numbers in zip(rows, (wanted.tokens, wanted.heads, wanted.layers), strict=True):
        actual = [[number(text) for text in row] for row in table]
        np.testing.assert_allclose(actual, numbers, rtol=0.06)
    total = np.sqrt(sum((traced[f"gradients.bert.encoder.layers.0.{name}"] ** 2).sum() for name in wanted.tensors))
    assert number(find(browser, "#flow .bars .number").text) == pytest.approx(total, rel=0.01)


@pytest.mark.parametrize("view", ["predictions", "about"])
def test_the_other_views(browser, address, view):
    show(browser, address, view)
    text = find(browser, f"#{view}").text
    assert ("no head" in text) if view == "predictions" else ("quantized" in text and "npz" in text)


def test_light_and_dark(browser, address):
    show(browser, address, dark=True)
    background = "return getComputedStyle(document.body).backgroundColor"
    assert browser.execute_script(background) == "rgb(20, 22, 27)"
    find(browser, "#theme").click()
    assert browser.execute_script(background) == "rgb(250, 249, 246)"
    assert browser.get_log("browser") == []


def test_markup_in_the_text_stays_text(browser, evil):
    traced, address = evil
    for view in ("walk/40", "attention/1/2", "flow", "predictions", "about"):
        show(browser, address, view)
        assert browser.title == "BERT, one forward and one backward"
        assert browser.find_elements(By.CSS_SELECTOR, "img, body script:not([type])")[1:] == []
    shown = browser.execute_script(
        "return [...document.querySelectorAll('#tokens .token bdi')].map((one) => one.textContent)"
    )
    assert shown == list(traced.asked.tokens)
    show(browser, address, "predictions")
    assert "<script>alert(1)</script>" in find(browser, "#predictions").text
