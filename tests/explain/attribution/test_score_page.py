"""The page of an attribution in a real Chromium: what it says, and that it fits every screen, light and dark."""

import re

import pytest
from selenium.webdriver.common.by import By
from support.browser import SCREENS, keep_picture, scroll_width, set_screen
from support.tiny import tiny_bert

from numpy_bert.explain.attribution import methods, score_page

TEXT = "i liked <b>this</b> movie, and the train to berlin was good, and it rains, and the plot was bad"


@pytest.fixture(scope="module")
def explanation():
    return methods.explain(tiny_bert(labels=("bad", "<i>", "good"), max_position_embeddings=64), TEXT, steps=16)


@pytest.fixture(scope="module")
def address(explanation, tmp_path_factory):
    path = tmp_path_factory.mktemp("pages") / "page.html"
    score_page.write(explanation, path)
    return path.as_uri()


def show(browser, address, size=(1440, 900), dark=False):
    set_screen(browser, size, dark)
    browser.get("about:blank")
    browser.get(address)
    assert browser.get_log("browser") == []


def test_what_it_says(browser, address, explanation):
    show(browser, address)

    def text(css):
        return browser.find_element(By.CSS_SELECTOR, css).text

    tokens = [token.text.split("\n")[0] for token in browser.find_elements(By.CSS_SELECTOR, ".text .token")]
    assert tokens == list(explanation.tokens)
    assert text("h1") == methods.question(explanation)
    assert re.fullmatch(r'Why "(bad|<i>|good)" \(0\.\d\d\)\?', methods.question(explanation))
    assert text(".quote") == TEXT
    assert text(".prediction") == methods.prediction(explanation)
    assert text(".key").count(methods.supported(explanation)) == 2  # no color without its label
    assert "Check passed" in text(".sum")
    assert "another baseline gives other scores" in text(".caveat")


@pytest.mark.parametrize(("size", "dark"), SCREENS)
def test_it_fits_the_screen(browser, address, pictures, size, dark):
    show(browser, address, size, dark)
    assert scroll_width(browser) <= size[0]
    background = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 22, 27)" if dark else "rgb(250, 249, 246)")
    keep_picture(browser, pictures, "attribution", size, dark)
