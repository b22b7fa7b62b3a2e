"""The lab in a real Chromium: every control works, by mouse and by keyboard, and shows what Python computes."""

import os
import re
import threading
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait
from support.browser import DESKTOP, PHONE, set_screen
from support.tiny import tiny_bert

from numpy_bert.explain.interventions import ablation
from numpy_bert.lab.server import Server
from numpy_bert.lab.session import Session
from numpy_bert.numerics import tree

TEXT, SOURCE = "I liked this movie.", "a plot was bad."
VIEWS = ("explorer", "parts", "patching", "row", "step", "broken")
SECONDS = 120  # a page waits for the server, and that for the machine


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = Path(os.environ.get("NUMPY_BERT_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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
    wait(browser, lambda: find(browser, place).get_attribute("aria-busy") is None)


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
    put(browser, "#source", "bad")
    find(browser, "#source").send_keys(Keys.ENTER)
    wait(browser, lambda: "expected as many tokens" in texts(browser, "#patched")[0])


def test_a_row_of_attention(browser, server):
    show(browser, server, "row")
    wait(browser, lambda: len(losses(browser, "#row-answer")) == 2)
    before, after = losses(browser, "#row-answer")
    assert after == pytest.approx(before, abs=1e-4)
    find(browser, "#row .controls button:nth-of-type(2)").click()
    wait(browser, lambda: losses(browser, "#row-answer")[1:] != [after])
    find(browser, "#weights input").send_keys(Keys.ARROW_RIGHT)
    wait(browser, lambda: texts(browser, "#weights output")[0] != "0")
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


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_no_view_is_wider_than_the_screen(browser, server, pictures, size, dark):
    show(browser, server, size=size, dark=dark)
    for view in VIEWS:
        find(browser, f"#tab-{view}").click()
        settled(browser, f"#{view}")
        width = browser.execute_script("return document.documentElement.scrollWidth")
        assert width <= size[0], view
        browser.save_screenshot(str(pictures / f"lab-{view}-{size[0]}{'-dark' if dark else ''}.png"))
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
