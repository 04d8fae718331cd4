"""Make the README's picture: the report on all-MiniLM-L6-v2 as headless Chromium shows it.

Run ``python docs/make_picture.py``; it writes ``docs/_static/minilm.png``. It needs Chromium, and once the network
(as ``theodolite demo --model minilm`` does).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import theodolite as td
from theodolite.cli.minilm import MINILM, model_folder

PICTURE = Path(__file__).parent / "_static" / "minilm.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
MOST_BYTES = 300_000


def browser() -> str:
    for name in BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    sys.exit(f"none of {', '.join(BROWSERS)} is installed")


def photograph(page: Path, picture: Path, width: int, height: int) -> None:
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                browser(), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                f"--user-data-dir={profile}", f"--window-size={width},{height}", "--virtual-time-budget=10000",
                f"--screenshot={picture}", page.resolve().as_uri(),
            ],
            check=True,
            capture_output=True,
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=PICTURE)
    parser.add_argument("--size", type=int, nargs=2, default=(1200, 1430), metavar=("WIDTH", "HEIGHT"))
    chosen = parser.parse_args()
    with td.open(model_folder(MINILM), model=MINILM.model) as checkpoint, tempfile.TemporaryDirectory() as folder:
        readings = td.survey(checkpoint, store=Path(folder) / "run")
        page = Path(folder) / "report.html"
        td.report(readings, page)
        chosen.output.parent.mkdir(parents=True, exist_ok=True)
        photograph(page, chosen.output.resolve(), *chosen.size)
    size = chosen.output.stat().st_size
    print(f"{chosen.output}: {size} bytes")
    if size > MOST_BYTES:
        sys.exit(f"more than {MOST_BYTES} bytes: make it smaller with --size")


if __name__ == "__main__":
    main()
