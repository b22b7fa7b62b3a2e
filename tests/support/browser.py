"""A real Chromium for the tests of pages: one for a module, with a clean console."""

import os
import shutil
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DESKTOP, PHONE = (1440, 900), (390, 844)
SIZES = ((360, 740), PHONE, (768, 1024), (1024, 768), (1280, 720), (1600, 900), (1920, 1080))
SCREENS = [(size, dark) for size in SIZES for dark in (False, True)]


@pytest.fixture(scope="module")
def browser():
    """Without Chromium and its driver the tests are skipped, but fail where CI=true."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        why = f"expected {' or '.join(BROWSERS)} and chromedriver, got {program} and {driver}"
        pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--disable-gpu"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chromium = webdriver.Chrome(options=options, service=Service(driver))
    yield chromium
    chromium.quit()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """The folder for screenshots: the one that NUMPY_BERT_SCREENSHOTS names, as .ci/run does."""
    folder = Path(os.environ.get("NUMPY_BERT_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def scroll_width(browser):
    """How wide the page is: more than the screen where something overflows."""
    return browser.execute_script("return document.documentElement.scrollWidth")


def keep_picture(browser, folder, name, size, dark=False):
    browser.save_screenshot(str(folder / f"{name}-{size[0]}{'-dark' if dark else ''}.png"))


def set_screen(browser, size=DESKTOP, dark=False):
    """The size of the window, and whether the system prefers a dark theme."""
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] <= PHONE[0]}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
