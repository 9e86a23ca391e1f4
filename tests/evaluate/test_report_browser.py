"""The page in a real browser: no complaint on its console, nothing wider than a phone or a desktop."""

import html
import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from smalti.evaluate.page import render

_spec = importlib.util.spec_from_file_location("report_examples", Path(__file__).with_name("examples.py"))
examples = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(examples)

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs an installed chromium")

OFFLINE = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    *("--enable-logging=stderr", "--dump-dom"),
]

# the page stands in a frame of each width; the frame shares the origin, so that this script may look into it
WRAPPER = """<!doctype html><body>{frames}<script>onload = () => {{
  document.title = [...document.querySelectorAll("iframe")].map(frame => {{
    const page = frame.contentDocument, width = page.documentElement.clientWidth;
    const cut = [...page.querySelectorAll("body *")].filter(e => !e.closest(".scroll, pre, svg, details:not([open])")
      && e.getBoundingClientRect().right > width + 1).length;
    const broken = [...page.images].filter(image => !image.naturalWidth).length;
    return [page.documentElement.scrollWidth - width, cut, broken, page.images.length].join(" ");
  }}).join(" / ")
}}</script>"""


def browse(page: str, folder: Path, widths=(390, 1280)) -> tuple[list[list[int]], list[str]]:
    """(pixels too wide, elements cut, broken pictures, pictures) at each width, and what the console says."""
    frames = "".join(
        f'<iframe style="border:0;width:{w}px;height:900px" srcdoc="{html.escape(page, quote=True)}"></iframe>'
        for w in widths
    )
    wrapper = folder / "wrapper.html"
    wrapper.write_text(WRAPPER.format(frames=frames), "utf-8")
    command = [CHROMIUM, *OFFLINE, f"--user-data-dir={folder / 'profile'}", wrapper.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    title = re.search(r"<title>([-\d /]+)</title>", done.stdout)
    assert title, done.stderr[-2000:]
    measured = [[int(x) for x in part.split()] for part in title[1].split(" / ")]
    return measured, [line for line in done.stderr.splitlines() if ":CONSOLE" in line]


@pytest.mark.parametrize(
    "report",
    [
        examples.classified(examples.CIFAR),
        examples.classified([*examples.HOSTILE, *(f"a class with a name {i}" for i in range(15))], size=120),
        examples.classified([f"c{i}" for i in range(100)], trained=False),
        examples.regressed(),
        examples.labelled(),
    ],
    ids=["cifar", "hostile", "hundred", "regress", "multilabel"],
)
def test_fits_a_phone_and_a_desktop_without_complaint(report, tmp_path):
    page = render(report)
    measured, console = browse(page, tmp_path)
    assert console == []
    for too_wide, cut, broken, pictures in measured:
        assert (too_wide, cut, broken) == (0, 0, 0)
        assert pictures == page.count("<img ")


def test_the_check_sees_what_it_is_for(tmp_path):
    page = render(examples.labelled())
    page = page.replace("</main>", '<p style="width:2000px">wide</p><img src="https://localhost/x.png"></main>')
    measured, console = browse(page, tmp_path)
    assert all(too_wide > 0 and cut > 0 and broken == 1 for too_wide, cut, broken, _ in measured)
    assert any("Content Security Policy" in line for line in console)
