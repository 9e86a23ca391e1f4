"""Pictures that cannot be read, and those unlike their name or the other pictures."""

import io

import numpy as np
from PIL import Image
from tests.data.problems.looking import look, noise, only


def encoded(pixels, format) -> bytes:  # noqa: A002 - Pillow's word
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format)
    return file.getvalue()


def test_unreadable_pictures_are_named():
    problem = only(look([*noise(8), b""]), "unreadable")
    assert problem.file == "8.png"
    assert problem.fatal
    assert "--bad-images skip" in problem.mend


def test_names_that_say_another_format():
    pictures = noise(5, 8, 8, 3)
    contents = [encoded(p, f) for p, f in zip(pictures, ("PNG", "PNG", "JPEG", "PNG", "JPEG"), strict=True)]
    found = look(contents, names=["a.jpg", "b.JPEG", "c.jpg", "d.png", "e.bin"])
    assert [(p.file, p.count, p.cause) for p in found.problems] == [
        ("a.jpg", 1, "named .jpg, but it is PNG"),
        ("b.JPEG", 1, "named .jpeg, but it is PNG"),
    ]
    assert found.problems[0].mend.startswith("rename it to .png")
    assert found.trainable


def test_odd_sizes():
    found = look([*noise(6, 40, 40), *noise(2, 20, 81), *noise(1, 7, 8), *noise(1, 401, 401), *noise(1, 20, 80)])
    said = {problem.cause: (problem.file, problem.count) for problem in found.problems}
    assert said == {
        "20 x 81: one side more than 4 times the other; 1 more like it": ("6.png", 2),
        "7 x 8: a side of fewer than 8 pixels": ("8.png", 1),
        "401 x 401: over 10 times the size of most, 40 pixels": ("9.png", 1),
    }
    (small,) = look([*noise(6, 100, 100), *noise(1, 9, 9)]).problems
    assert small.cause == "9 x 9: below a tenth of the size of most, 100 pixels"


def test_odd_depths():
    deep = [p.astype(np.uint16) * 100 for p in noise(2)]
    found = look([*noise(6), *deep])
    assert (found.problems[0].file, found.problems[0].cause) == (
        "6.png",
        "deeper than 8 bits, while most pictures are not; 1 more like it",
    )
    found = look([*noise(6), *noise(1, 8, 8, 3)])
    assert (found.problems[0].file, found.problems[0].cause) == ("6.png", "colour, while most pictures are grey")
    found = look([*noise(1), *noise(6, 8, 8, 3)])
    assert (found.problems[0].file, found.problems[0].cause) == ("0.png", "grey, while most pictures are in colour")
    assert found.trainable
    found = look([*noise(6, 8, 8, 5), *noise(1, 8, 8, 3)])
    assert found.problems[0].cause == "3 channels where 5 are expected"
    assert not found.trainable


def test_negative_values_would_become_black():
    scan = [p.astype(np.int16) * 8 - 1000 for p in noise(4)]
    problem = only(look([*scan, noise(1)[0].astype(np.int16)]), "odd_depth")
    assert problem.fatal
    assert (problem.file, problem.count) == ("0.png", 4)
    assert problem.cause == "negative values, down to -1000, which would become black; 3 more like it"
    assert "shift" in problem.mend
    ringing = [p / 255 for p in noise(4)]
    ringing[0][0, 0] = -0.01  # as resampling leaves it
    assert look(ringing).trainable
