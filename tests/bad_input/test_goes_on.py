"""What is no mistake, or not all of it: the work goes on and says so."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.bad_input.ground import CONTROL, ESCAPE, TINY, Ground, picture, posix

import smalti
from smalti.cli import run
from smalti.errors import SmaltiError, printable
from smalti.modelfile import read_model

pytestmark = posix


def test_skipped_pictures_are_counted_and_named(ground: Ground, capsys: pytest.CaptureFixture[str]):
    ground.classes(n=10)
    ground.write("d/cat/0.png", b"")
    ground.write(f"d/dog/a\n{ESCAPE}.png", "hello")
    ground.write("d/dog/b.NEF", "hello")
    assert run(["train", "d", *TINY, "--bad-images", "skip"]) == 0
    err = capsys.readouterr().err
    assert "left out: 1 NEF picture, a format that is not read: dog/b.NEF  (export them as JPEG or PNG)" in err
    assert "1 NEF picture, a format that is not read" in Path("out/report.html").read_text()
    assert "left out: 2 pictures  (cannot be read: cat/0.png, dog/a\\n\\x1b[31m.png)" in err
    assert json.loads(Path("out/result.json").read_text())["skipped"] == 2
    assert run(["evaluate", "out", "d"]) == 0
    assert "left out: 2 pictures" in capsys.readouterr().err


def test_leaks_are_dropped_when_told_so(ground: Ground, capsys: pytest.CaptureFixture[str]):
    ground.classes("d/train", n=10)
    ground.classes("d/test", n=3, seed=5000)
    ground.write("d/test/cat/copy.png", Path("d/train/cat/0.png").read_bytes())
    assert run(["train", "d", *TINY, "--leaks", "drop"]) == 0
    assert "1 left out whose content or group is in another split too: train/cat/0.png" in capsys.readouterr().err


def check(capsys: pytest.CaptureFixture[str], *command: str) -> tuple[int, dict[str, Any], str]:
    """Exit code and JSON of a check, and its table, which must be safe to print."""
    code = run(["check", *command])
    out, err = capsys.readouterr()
    assert not CONTROL.search(out + err), repr(out + err)
    assert run(["check", *command, "--json"]) == code
    return code, json.loads(capsys.readouterr().out), " ".join(out.split())


def test_check_names_everything_that_is_odd_and_hangs_on_nothing(ground: Ground, capsys: pytest.CaptureFixture[str]):
    ground.classes(n=6)
    os.mkfifo("d/cat/pipe.png")
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind("d/cat/plug.png")
    Path("d/cat/folder.jpg").mkdir()
    Path("d/bird").mkdir()
    os.symlink("..", "d/cat/loop")
    os.symlink("nowhere", "d/cat/gone")
    os.symlink("/dev/zero", "d/cat/zero.png")
    ground.write("d/cat/one.png", picture(77, (1, 1)))
    ground.write("d/cat/long.png", picture(78, (20_000, 1)))
    ground.write("d/cat/wrong.jpg", picture(79))
    ground.write("d/dog/twin.png", Path("d/cat/1.png").read_bytes())
    code, found, table = check(capsys, "d")
    assert code == 0
    assert found["trainable"]
    notes = " ".join(problem["cause"] for problem in found["problems"])
    for words in (
        "cat/pipe.png (a FIFO)",
        "cat/plug.png (a socket)",
        "cat/zero.png (a device)",
        "cat/folder.jpg is a folder",
        "link cat/loop skipped",
        "link cat/gone skipped",
    ):
        assert words in notes
    assert "Ready to train" in table
    kinds = {problem["kind"]: problem for problem in found["problems"]}
    assert {"empty_class", "odd_size", "wrong_extension", "duplicate_conflict"} <= set(kinds)
    assert all(problem["cause"] and problem["mend"] for problem in found["problems"])


def test_check_of_unreadable_pictures_ends_with_2_and_lists_them(ground: Ground, capsys: pytest.CaptureFixture[str]):
    ground.classes(n=4)
    hostile = {f"a\nb{ESCAPE}.png": r"a\nb\x1b[31m.png", "[red]x[/red].png": "[red]x[/red].png", "<b>.png": "<b>.png"}
    for name in hostile:
        ground.write(f"d/cat/{name}", "hello")
    ground.write(b"d/cat/\xff.png", "hello")
    code, found, table = check(capsys, "d")
    assert code == 2
    assert not found["trainable"]
    bad = [problem["file"] for problem in found["problems"] if problem["kind"] == "unreadable"]
    assert sorted(bad) == sorted([*(f"cat/{name}" for name in hostile), "cat/\udcff.png"])
    assert "Not ready to train" in table
    assert sum(shown in table for shown in hostile.values()) >= 2  # the others are counted


def test_pictures_of_a_pixel_or_a_line_can_be_learned(ground: Ground):
    for number, label in enumerate(("cat", "dog")):
        for i in range(8):
            ground.write(f"d/{label}/{i}.png", picture(100 * number + i, (1, 1) if i % 2 else (20_000, 1)))
    assert run(["train", "d", *TINY]) == 0


def test_hostile_class_names_survive_the_whole_way(ground: Ground, capsys: pytest.CaptureFixture[str]):
    labels = ("<script>alert(1)<script>", "[red]x[", f"a\nb{ESCAPE}", 'q"u\\o=te')
    ground.classes(n=6, labels=labels)
    assert run(["train", "d", *TINY]) == 0
    assert run(["evaluate", "out", "d"]) == 0
    assert run(["predict", "out", "d"]) == 0
    out, err = capsys.readouterr()
    assert not CONTROL.search(out + err)
    assert "[red]x[" in out
    report = Path("out/report.html").read_text()
    assert "<script>alert" not in report
    assert "&lt;script&gt;alert" in report
    model = smalti.load("out")
    assert set(model.labels) == {printable(label) for label in labels}


def test_a_label_that_is_no_text_in_any_encoding_is_escaped(ground: Ground):
    rows = [json.dumps({"path": f"{i}.png", "label": ("\ud800", "b\x1b")[i % 2]}) for i in range(12)]
    ground.manifest("\n".join(rows), "d/manifest.jsonl", n=12)
    assert run(["train", "d", *TINY]) == 0
    assert smalti.load("out").labels == ("\\ud800", "b\\x1b")


def test_a_byte_order_mark_is_no_part_of_a_column(ground: Ground):
    rows = "".join(f"{i}.png,{'cat' if i % 2 else 'dog'}\n" for i in range(8))
    ground.manifest(f"\ufeffpath,label\n{rows}")
    assert run(["check", "d"]) == 0


def test_one_bad_picture_does_not_stop_the_others(ground: Ground, capsys: pytest.CaptureFixture[str]):
    ground.model()
    ground.write("good.png", picture(0))
    ground.write("cut.png", picture(0)[:60])
    ground.cut(ground.zip("half.zip"))
    os.mkfifo("pipe.png")
    names = ["good.png", "cut.png", "gone.png", "half.zip", "pipe.png", f"a\n{ESCAPE}.png", "good.png"]
    assert run(["predict", "m.safetensors", *names]) == 2
    out, err = capsys.readouterr()
    assert err == ""
    assert not CONTROL.search(out)
    assert run(["predict", "m.safetensors", *names, "--json"]) == 2
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["file"] for row in rows] == names
    assert ["label" in row for row in rows] == [True, False, False, False, False, False, True]
    assert all(row["error"]["cause"] and row["error"]["mend"] for row in rows if "error" in row)


def test_every_flipped_bit_in_a_model_file_is_seen(ground: Ground):
    content = Path(ground.model()).read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    rng = np.random.default_rng(0)
    places = [
        *range(8),
        *rng.choice(np.arange(8, header), 150).tolist(),
        *rng.choice(np.arange(header, len(content)), 30),
    ]
    plain, unseen, told = read_model(ground.model()), [], set()
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        Path("m.safetensors").write_bytes(damaged)
        try:
            found = read_model("m.safetensors")
        except SmaltiError as error:
            told.add((error.where, bool(error.mend)))
        else:
            assert all(getattr(found, part) == getattr(plain, part) for part in ("labels", "processor", "provenance"))
            assert found.module.config == plain.module.config
            unseen.append(bytes(damaged[max(place - 12, 0) : place + 12]))
    assert told == {("m.safetensors", True)}
    same = (b'"pt"', b"  ", b"1E-06")  # what says nothing of this model: another framework, padding, the e of a number
    assert all(any(part in around for part in same) for around in unseen), unseen
