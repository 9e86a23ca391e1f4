"""README and docs stay true: their commands run, their Python runs, their links lead somewhere.

Commands and snippets run on a small folder of pictures in the place of the reader's; budgets become two steps.
"""

import glob
import os
import re
import shlex
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_digits

from smalti.cli import run
from smalti.models import FAMILIES, create_model, preset_config

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
READER = [page for page in PAGES if page.name not in ("CHANGELOG.md",)]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return [text for found, text in BLOCK.findall(page.read_text("utf-8")) if found == language]


def commands(page: Path) -> list[str]:
    """The lines of `sh` blocks, and what follows the prompt in `console` blocks; comments left out."""
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    lines += [line[2:] for block in blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")]
    return [text for line in lines if (text := line.partition("#")[0].strip())]


def named(pages: list[Path]) -> list:
    return [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in pages]


SHELL = [page for page in READER if any(line.startswith("smalti ") for line in commands(page))]
PYTHON = [page for page in READER if blocks(page, "python")]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reader's desk: `photos`, `new-photos` and `signs` with class folders, new pictures to name, published
    weights; a book, pairs of texts, labelled texts, others without labels. Published presets are small ones by their
    names."""
    digits = load_digits()
    pictures = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    classes = ("daisy", "rose", "tulip")
    for number, (picture, digit) in enumerate(zip(pictures[:90], digits.target, strict=False)):
        if digit < len(classes):
            for path in (f"photos/{classes[digit]}", f"new-photos/{classes[digit]}", f"signs/train/{classes[digit]}"):
                save(picture, tmp_path / path / f"{number}.png")
    for number, picture in enumerate(pictures[90:120]):
        if (digit := digits.target[90 + number]) < len(classes):
            save(picture, tmp_path / f"signs/test/{classes[digit]}/{number}.png")
    for name in ("new/a.png", "new/b.png", "new.jpg"):
        save(pictures[200], tmp_path / name)
    for preset in ("vit_tiny_patch16_224", "deit_tiny_distilled_patch16_224"):
        family, config = preset_config(preset, embed_dim=24, depth=2, num_heads=3)
        monkeypatch.setitem(FAMILIES[family].presets, preset, config)
    save_file(create_model("vit_tiny_patch16_224").state_dict(), tmp_path / "vit_tiny.safetensors")
    (tmp_path / "book.txt").write_text("ROMEO: The cat sat on the mat. (Exit)\n" * 100)
    days = [f"{day} May 1987,1987-05-{day:02}" for day in range(1, 31)]
    (tmp_path / "dates.csv").write_text("\n".join(["source,target", *days]))
    reviews = [f"{'good' if i % 2 else 'bad'} one {i},{'yes' if i % 2 else 'no'}" for i in range(60)]
    (tmp_path / "reviews.csv").write_text("\n".join(["text,label", *reviews]))
    (tmp_path / "others.csv").write_text("text\na good one\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMALTI_CACHE", str(tmp_path / "cache"))
    return tmp_path


def save(picture: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


@pytest.mark.parametrize("page", named(SHELL))
def test_commands_run(page: Path, desk: Path, capsys: pytest.CaptureFixture[str]):
    for line in commands(page):
        words = shlex.split(re.sub(r"--(minutes|epochs|steps) \d+", "--steps 2", line))
        if words[0] == "smalti":
            words = [name for word in words for name in (sorted(glob.glob(word)) if "*" in word else [word])]
            assert run(words[1:]) == 0, f"{line}\n{capsys.readouterr().err}"


@pytest.mark.parametrize("page", named(READER))
def test_every_command_is_of_this_project(page: Path):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for line in commands(page):
        word, *rest = line.split()
        assert word == "smalti" or (word == "make" and rest[0] in targets), line


@pytest.mark.parametrize("page", named(PYTHON))
def test_python_runs(page: Path, desk: Path):
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        exec(compile(re.sub(r"minutes=\d+", "steps=2", block), page.name, "exec"), names)


@pytest.mark.parametrize("page", named(PAGES))
def test_local_links_lead_somewhere(page: Path):
    text = BLOCK.sub("", page.read_text("utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = unquote(target).partition("#")
        there = page if not path else page.parent / path
        assert there.exists(), f"{page.name}: {target}"
        if anchor:
            heads = re.findall(r"^#+ (.+)$", there.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}, target


def test_the_index_names_every_page():
    index = (ROOT / "docs/index.md").read_text("utf-8")
    missing = [page.name for page in (ROOT / "docs").glob("*.md") if page.name != "index.md" and page.name not in index]
    assert not missing


@pytest.mark.parametrize("page", ["README.md", "docs/results.md"])
def test_the_places_of_the_tables_name_their_file(page: str):
    text = (ROOT / page).read_text("utf-8")
    places = re.findall(r"^<!-- results:begin (\S+) -->\n.+?\n<!-- results:end -->$", text, re.MULTILINE | re.DOTALL)
    assert text.count("<!-- results:begin") == text.count("<!-- results:end -->") == len(places) > 0
    assert len(places) == 1 or page != "README.md"
    assert all((ROOT / "benchmarks/results" / name).is_file() for name in places)


def test_the_picture_reads_aloud_and_knows_the_dark():
    picture = ROOT / "docs/images/overview.svg"
    space = "{http://www.w3.org/2000/svg}"
    root = ElementTree.parse(picture).getroot()
    assert root.findtext(f"{space}title")
    assert root.findtext(f"{space}desc")
    assert "prefers-color-scheme: dark" in (root.findtext(f"{space}style") or "")
    assert os.path.getsize(picture) < 40_000
    assert not re.search(r"https?://(?!www\.w3\.org)", picture.read_text("utf-8"))
