"""The lab in a real Chromium: every control works, by mouse and by keyboard, and shows what Python computes."""

import re
import threading

import numpy as np
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait
from support.browser import DESKTOP, SCREENS, keep_picture, scroll_width, set_screen
from support.tiny import tiny_bert

from numpy_bert.explain.interventions import ablation
from numpy_bert.lab.server import Server
from numpy_bert.lab.session import Changes, Question, Session
from numpy_bert.numerics import tree

TEXT, SOURCE = "I liked this movie.", "a plot was bad."
VIEWS = ("explorer", "parts", "patching", "row", "step", "broken")
SECONDS = 120  # a page waits for the server, and that for the machine
# Views that show something once their first button is pressed.
PRESSED = ("parts", "patching", "step", "broken")


@pytest.fixture
def server():
    with Server(Session(tiny_bert(labels=("bad", "good", "<b>fine</b>")), TEXT)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def wait(browser, condition):
    return WebDriverWait(browser, SECONDS, poll_frequency=0.1).until(lambda _: condition())


def find(browser, css):
    return browser.find_element(By.CSS_SELECTOR, css)


def texts(browser, css):
    return browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map((element) => element.textContent)", css
    )


def show(browser, server, view="explorer", size=DESKTOP, dark=False):
    set_screen(browser, size, dark)
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(server.url)
    wait(browser, lambda: texts(browser, "#tokens .token"))
    find(browser, f"#tab-{view}").click()


def number(text):
    return float(text.replace("−", "-").replace("+", ""))


def losses(browser, place="#comparison"):
    return [number(text) for text in texts(browser, f"{place} .side strong")]


def put(browser, css, text):
    box = find(browser, css)
    box.clear()
    box.send_keys(text)


def settled(browser, place):
    """Nothing in this view waits for the server."""
    wait(browser, lambda: not browser.find_elements(By.CSS_SELECTOR, f"{place}[aria-busy], {place} [aria-busy]"))


def test_the_answer_follows_the_text(browser, server):
    show(browser, server)
    bert = server.session.bert
    assert texts(browser, "#tokens .token") == bert.tokenizer.encode(TEXT).tokens
    put(browser, "#text", "the film was dull!")
    wait(browser, lambda: "dull" in texts(browser, "#tokens .token"))
    best = bert.classify("the film was dull!")
    names = texts(browser, "#comparison .name")
    shares = [number(text) for text in texts(browser, "#comparison .number")]
    assert names[0] == best.label
    assert shares[0] == pytest.approx(best.probability, abs=6e-4)
    frame = find(browser, "#frame")
    wait(browser, lambda: re.search(r"explorer/\d+", frame.get_attribute("src")))
    browser.switch_to.frame(frame)
    wait(browser, lambda: "dull" in texts(browser, "#tokens .token"))
    browser.switch_to.default_content()
    assert browser.get_log("browser") == []


def test_a_bad_question_is_answered_in_words(browser, server):
    show(browser, server)
    put(browser, "#target", "no such class")
    wait(browser, lambda: "target: expected one of" in texts(browser, "#status")[0])
    put(browser, "#target", "good")
    wait(browser, lambda: "the class good" in texts(browser, "#status")[0])


def test_a_token_can_be_hidden_by_keyboard(browser, server):
    show(browser, server)
    find(browser, "#tokens .token:nth-child(3)").send_keys(Keys.SPACE)
    wait(browser, lambda: len(losses(browser)) == 2)
    assert find(browser, "#tokens .token:nth-child(3)").get_attribute("aria-pressed") == "true"
    browser.switch_to.active_element.send_keys(Keys.TAB, Keys.SPACE)  # the focus stays, and Tab moves on
    wait(browser, lambda: "hidden: liked, this" in texts(browser, "#changed")[0])
    find(browser, "#changed button").click()
    wait(browser, lambda: len(losses(browser)) == 1)
    assert texts(browser, "#changed") == [""]
    find(browser, "#tokens .token:nth-child(3)").click()
    wait(browser, lambda: len(losses(browser)) == 2)
    before, after = losses(browser)
    assert before != after


def test_parts_are_measured_and_turned_off(browser, server):
    show(browser, server, "parts")
    bert = server.session.bert
    find(browser, "#parts .controls button").click()
    wait(browser, lambda: "Change of the loss" in "".join(texts(browser, "#parts caption")))
    effects = ablation.effects(bert, TEXT)
    table = np.hstack([effects.heads, effects.attention[:, None], effects.feed_forward[:, None]])
    shown = np.array([number(text) for text in texts(browser, "#parts td button")]).reshape(table.shape)
    np.testing.assert_allclose(shown, table, rtol=0.051, atol=1e-6)
    find(browser, "#parts tbody tr:nth-child(2) td:nth-of-type(3) button").send_keys(Keys.ENTER)
    wait(browser, lambda: len(losses(browser)) == 2)
    assert losses(browser)[1] - losses(browser)[0] == pytest.approx(effects.heads[1, 2], abs=2e-4)
    assert find(browser, "#parts-stale").is_displayed()
    find(browser, "#parts .controls button").click()
    wait(browser, lambda: "besides your changes" in "".join(texts(browser, "#parts caption")))
    assert not find(browser, "#parts-stale").is_displayed()
    Select(find(browser, "#parts select")).select_by_visible_text("tanh form")
    Select(browser.find_elements(By.CSS_SELECTOR, "#parts select")[1]).select_by_index(9)
    wait(browser, lambda: abs(losses(browser)[1] - losses(browser)[0] - effects.heads[1, 2]) > 1e-3)
    browser.find_elements(By.CSS_SELECTOR, "#parts .controls button")[1].click()
    wait(browser, lambda: len(losses(browser)) == 1)
    assert browser.get_log("browser") == []


def test_patching(browser, server):
    show(browser, server, "patching")
    put(browser, "#source", SOURCE)
    find(browser, "#source").send_keys(Keys.ENTER)
    wait(browser, lambda: texts(browser, "#patched td span"))
    expected = server.session.bert.patch(TEXT, SOURCE).effects
    shown = np.array([number(text) for text in texts(browser, "#patched td span")]).reshape(expected.shape)
    np.testing.assert_allclose(shown, expected, rtol=0.051, atol=1e-6)
    find(browser, "#tokens .token:nth-child(3)").click()  # another model: what was measured is not of it
    wait(browser, lambda: not texts(browser, "#patched td span"))
    find(browser, "#source").send_keys(Keys.ENTER)
    wait(browser, lambda: texts(browser, "#patched td span"))
    changed = server.session.patch(Question(TEXT), Changes(hidden_tokens=(2,)), SOURCE).effects
    shown = np.array([number(text) for text in texts(browser, "#patched td span")]).reshape(changed.shape)
    np.testing.assert_allclose(shown, changed, rtol=0.051, atol=1e-6)
    assert browser.get_log("browser") == []
    put(browser, "#source", "bad")
    find(browser, "#source").send_keys(Keys.ENTER)
    wait(browser, lambda: "expected as many tokens" in texts(browser, "#patched")[0])


def test_a_row_of_attention(browser, server):
    show(browser, server, "row")
    wait(browser, lambda: len(losses(browser, "#row-answer")) == 2)
    before, after = losses(browser, "#row-answer")
    assert after == pytest.approx(before, abs=1e-4)
    shares = [number(text) for text in texts(browser, "#weights output")]
    find(browser, "#row .controls button:nth-of-type(4)").click()
    doubled = [number(text) for text in texts(browser, "#weights output")]
    np.testing.assert_allclose(doubled, 2 * np.array(shares), rtol=0.01)
    find(browser, "#row .controls button:nth-of-type(2)").click()
    wait(browser, lambda: losses(browser, "#row-answer")[1:] != [after])
    find(browser, "#weights input").send_keys(Keys.ARROW_RIGHT)
    wait(browser, lambda: texts(browser, "#weights output")[0] != "0")
    Select(find(browser, "#row .controls label:nth-of-type(3) select")).select_by_index(6)
    put(browser, "#text", "good")
    wait(browser, lambda: len(texts(browser, "#weights output")) == 3 and len(losses(browser, "#row-answer")) == 2)
    assert browser.get_log("browser") == []


def test_a_step_and_undo(browser, server):
    show(browser, server, "step")
    first = tree.map(np.copy, server.session.bert.params)
    find(browser, "#step input").send_keys(Keys.ARROW_RIGHT)
    find(browser, "#step .controls button").click()
    wait(browser, lambda: len(losses(browser, "#stepped")) == 2)
    before, after = losses(browser, "#stepped")
    assert after < before
    assert texts(browser, "#stepped .bars:last-of-type .name")[-1] == "head"
    wait(browser, lambda: losses(browser) == [after])
    find(browser, "#step .controls button:nth-of-type(2)").click()
    wait(browser, lambda: "0 left" in texts(browser, "#stepped")[0])
    assert tree.equal(server.session.bert.params, first)


def test_a_broken_backward(browser, server):
    show(browser, server, "broken")
    Select(find(browser, "#broken select")).select_by_index(13)
    find(browser, "#broken .controls button").click()
    wait(browser, lambda: texts(browser, "#broke tr.failed"))
    assert "FAILED" in texts(browser, "#broke tr.failed td")
    assert "right backward" in find(browser, "#broke svg").get_attribute("aria-label")
    assert browser.get_log("browser") == []


@pytest.mark.parametrize(("size", "dark"), SCREENS)
def test_no_view_is_wider_than_the_screen(browser, server, pictures, size, dark):
    show(browser, server, size=size, dark=dark)
    for view in VIEWS:
        find(browser, f"#tab-{view}").click()
        if view in PRESSED:
            find(browser, f"#{view} .controls button").click()
        settled(browser, f"#{view}")
        assert scroll_width(browser) <= size[0], view
        browser.execute_script("arguments[0].scrollIntoView()", find(browser, f"#{view}"))
        keep_picture(browser, pictures, f"lab-{view}", size, dark)
    assert browser.get_log("browser") == []


@pytest.mark.parametrize(("size", "dark"), SCREENS)
def test_the_values_stay_in_sight_while_stepping(browser, server, size, dark):
    """In the frame of the explorer, which is on the screen as a whole once one has scrolled to it."""
    show(browser, server, size=size, dark=dark)
    frame = find(browser, "#frame")
    browser.execute_script("arguments[0].scrollIntoView({block: 'end'})", frame)
    below = "const box = arguments[0].getBoundingClientRect(); return [box.top, box.bottom - innerHeight]"
    top, bottom = browser.execute_script(below, frame)
    assert top >= 0
    assert bottom <= 1
    browser.switch_to.frame(frame)
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#viewer h3"))
    for key in "nnNNnNpN":
        find(browser, "body").send_keys(key)
        bar, name, value, height, width, room = browser.execute_script("""
            const box = (css) => document.querySelector(css).getBoundingClientRect();
            return [box('#transport').bottom, box('#viewer h3').top, box('#viewer .readout').bottom, innerHeight,
                    document.documentElement.scrollWidth, document.documentElement.clientWidth];
        """)
        assert bar <= name < value < height
        assert width <= room
    browser.switch_to.default_content()
    assert browser.get_log("browser") == []


def test_names_of_a_model_are_no_markup(browser, server):
    show(browser, server)
    assert "<b>fine</b>" in texts(browser, "#comparison .name")
    assert not browser.find_elements(By.CSS_SELECTOR, "#comparison b")


def test_tabs_by_keyboard(browser, server):
    show(browser, server)
    for view in (*VIEWS[1:], VIEWS[0]):
        browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
        assert browser.switch_to.active_element.get_attribute("id") == f"tab-{view}"
        assert find(browser, f"#{view}").is_displayed()
