import base64
import io
import re
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest
from PIL import Image

from smalti.evaluate.charts import STYLE, VARIABLES, confusion_chart, curve_chart, scatter_chart

NAMES = ["<script>", "a--><b>", "$\\frac{1", "x" * 300, "日本語", "nul\x00\u202e"]


def parsed(svg):
    """The chart as XML: that it parses proves that names are escaped."""
    return ET.fromstring(svg.replace("<svg ", '<svg xmlns:xlink="x" ', 1))


def texts(svg):
    return ["".join(e.itertext()).strip() for e in parsed(svg).iter("text")]


def charts():
    x = np.arange(1000)
    return {
        "curve": curve_chart([("a", x, np.sin(x)), ("b", x, np.cos(x))], name="loss", smooth=True, marked=3),
        "scatter": scatter_chart(x, x + 1.0, name="dots"),
        "confusion": confusion_chart(np.eye(3, dtype=np.int64), "abc", name="matrix"),
    }


@pytest.mark.parametrize("kind", ["curve", "scatter", "confusion"])
def test_charts_are_at_home_in_a_page(kind):
    svg = charts()[kind]
    assert parsed(svg).get("role") == "img"
    assert parsed(svg).get("aria-label")
    assert "http" not in svg
    assert "<!--" not in svg
    assert "<style" not in svg  # would reach beyond the chart
    assert "var(--ink)" in svg or "var(--muted)" in svg
    assert not any(stand_in in svg for stand_in in VARIABLES)


def test_ids_of_two_charts_in_one_page_do_not_clash():
    found = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in charts().values()]
    assert found[0]
    assert not (found[0] & found[1]) | (found[0] & found[2]) | (found[1] & found[2])


def test_every_reference_has_its_target():
    for svg in charts().values():
        ids = set(re.findall(r'\bid="([^"]+)"', svg))
        assert set(re.findall(r'href="#([^"]+)"', svg)) | set(re.findall(r"url\(#([^)]+)\)", svg)) <= ids


def test_the_same_chart_twice_is_the_same_text():
    assert charts() == charts()


def test_hostile_names_are_text_and_short():
    said = texts(confusion_chart(np.eye(6, dtype=np.int64), NAMES, name='"><script>'))
    assert {"<script>", "a--><b>", "$\\frac{1", "日本語"} <= set(said)
    assert max(map(len, said)) <= 20
    assert not any("\u202e" in s or "\x00" in s for s in said)


def test_small_matrices_carry_numbers_and_large_ones_do_not():
    counts = {
        k: texts(confusion_chart(np.eye(k, dtype=np.int64) * 777, [f"c{i}" for i in range(k)], name="m"))
        for k in (2, 15, 16, 30, 31)
    }
    assert [counts[k].count("777") for k in counts] == [2, 15, 0, 0, 0]
    assert ["c1" in counts[k] for k in counts] == [True, True, True, True, False]


def test_cells_show_right_and_wrong_by_share_of_the_row():
    svg = confusion_chart(np.array([[1, 3], [0, 0]]), "ab", name="m")
    data = re.search(r"base64,([^\"]+)", svg)[1]
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA"))
    assert image.shape == (2, 2, 4)  # one pixel a cell, enlarged by the browser
    right, wrong = image[0]
    assert right[2] > right[0]
    assert wrong[0] > wrong[2]
    assert right[3] == pytest.approx(255 * 0.25**0.5, abs=1)
    assert wrong[3] == pytest.approx(255 * 0.75**0.5, abs=1)
    assert not image[1, :, 3].any()  # a class that never occurs


def test_long_curves_are_thinned_and_dots_are_bounded():
    x = np.arange(200_000)
    assert len(curve_chart([("a", x, np.sin(x / 1e4))], name="long")) < 40_000
    assert len(scatter_chart(x, x, name="many")) < 400_000


def test_global_style_is_left_alone():
    before = {key: matplotlib.rcParams[key] for key in STYLE}
    charts()
    assert {key: matplotlib.rcParams[key] for key in STYLE} == before
