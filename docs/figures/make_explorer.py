"""Makes the picture of the explorer in the README: python docs/figures/make_explorer.py

Runs the command of the caption and takes a picture of the page with a headless Chromium. The page opens where the
attention of the first layer has computed its weights. A test compares COMMAND with the caption.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PICTURE = Path(__file__).with_name("explorer.png")
COMMAND = 'numpy-bert trace "I liked this movie." --output page.html'
SIZE = "1440,817"  # pixels
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"expected {' or '.join(BROWSERS)}, got none of them")
    _, *arguments = shlex.split(COMMAND)
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-m", "numpy_bert", *arguments], cwd=folder, env=environment, check=True)
        flags = ("--headless", "--no-sandbox", "--hide-scrollbars", "--disable-gpu", "--virtual-time-budget=9000")
        page = Path(folder, arguments[-1]).as_uri()
        command = [browser, *flags, f"--window-size={SIZE}", f"--screenshot={PICTURE}", page]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    print(PICTURE.relative_to(ROOT))


if __name__ == "__main__":
    main()
