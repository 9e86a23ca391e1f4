import errno
import io
import os
import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from smalti.data import facts as facts_module
from smalti.data.decoding import decode as decode_module
from smalti.data.facts import gather
from smalti.data.formats.walk import Files
from smalti.data.names import Names
from smalti.data.source import UNASSIGNED, Source


class Memory:
    """A storage of what it is given; an exception in a place is raised when that place is read."""

    def __init__(self, contents, fingerprint="1"):
        self.contents, self.mark, self.reads = list(contents), fingerprint, 0
        self.lock = threading.Lock()

    def read(self, index):
        with self.lock:
            self.reads += 1
        content = self.contents[index]
        if isinstance(content, Exception):
            raise content
        return content

    def fingerprint(self):
        return self.mark


def source_of(contents, *, splits=None, fingerprint="1", names=None):
    n = len(contents)
    return Source(
        name="set",
        task="classify",
        labels=("a", "b"),
        names=names or [f"{i}.png" for i in range(n)],
        targets=np.arange(n) % 2,
        splits=np.full(n, UNASSIGNED, np.int8) if splits is None else np.asarray(splits, np.int8),
        storage=Memory(contents, fingerprint),
    )


def encoded(pixels, format="PNG", mode=None, **options) -> bytes:  # noqa: A002 - Pillow's word
    image = Image.fromarray(pixels)
    file = io.BytesIO()
    (image.convert(mode) if mode else image).save(file, format, **options)
    return file.getvalue()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SMALTI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def grey():
    return np.random.default_rng(0).integers(0, 256, (12, 9), np.uint8)


@pytest.fixture
def colour():
    return np.random.default_rng(1).integers(0, 256, (12, 9, 3), np.uint8)


def same(facts) -> bool:
    assert facts.readable.all(), facts.failures
    return len(np.unique(facts.contents)) == 1


def test_the_hash_is_of_the_pixels_and_not_of_the_file(grey, colour):
    text = PngImagePlugin.PngInfo()
    text.add_text("author", "somebody")
    ways = [
        encoded(colour),
        encoded(colour, compress_level=0),
        encoded(colour, pnginfo=text),
        encoded(colour, "BMP"),
        encoded(colour, "TIFF"),
        encoded(colour, "WEBP", lossless=True),
        encoded(np.dstack([colour, np.full((12, 9), 255, np.uint8)])),
        colour,
    ]
    assert len(set(map(bytes, ways[:-1]))) == len(ways) - 1
    assert same(gather(source_of(ways)))
    ways = [encoded(grey), encoded(grey, mode="RGB"), encoded(grey, mode="P"), encoded(grey, "BMP", "RGBA"), grey]
    facts = gather(source_of([*ways, grey[:, :, None], np.dstack([grey] * 3)]))
    assert same(facts)
    assert (facts.bands == 1).all(), "grey is one channel, whatever the file says"


def test_the_hash_tells_pictures_apart(grey, colour):
    changed = colour.copy()
    changed[-1, -1, -1] ^= 1
    tall = np.zeros((12, 9), np.uint8)
    ways = [colour, changed, grey, tall, tall.T.copy(), tall.reshape(6, 18), colour[:, :, ::-1].copy(), colour[::-1]]
    facts = gather(source_of([encoded(np.ascontiguousarray(way)) for way in ways]))
    assert len(np.unique(facts.contents)) == len(ways)


def test_a_turned_picture_equals_the_same_picture_upright(colour):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    facts = gather(source_of([encoded(np.rot90(colour).copy(), exif=exif), encoded(colour)]))
    assert same(facts)
    assert facts.sizes.tolist() == [[12, 9], [12, 9]]


def test_deep_pictures_are_told_apart_by_their_low_bits():
    deep = np.random.default_rng(2).integers(0, 4096, (8, 8), np.uint16)
    deep[0, 0] = 4095
    changed = deep.copy()
    changed[3, 3] ^= 1  # the same after scaling to 8 bits
    facts = gather(source_of([encoded(deep), encoded(changed), encoded(deep, "TIFF"), deep, deep.astype(np.int32)]))
    assert facts.contents[0] != facts.contents[1]
    assert len(set(facts.contents[[0, 2, 3, 4]])) == 1
    assert (facts.peaks == 4095).all()
    assert facts.deep.all()
    assert facts.bits.tolist() == [16, 16, 16, 16, 32]


def test_moments_are_those_of_the_pixels(colour, grey):
    facts = gather(source_of([encoded(colour), encoded(grey)]))
    np.testing.assert_allclose(facts.moments[0, 0], colour.mean((0, 1)))
    np.testing.assert_allclose(facts.moments[0, 1], np.square(colour.astype(float)).mean((0, 1)))
    np.testing.assert_allclose(facts.moments[1, :, 0], [grey.mean(), np.square(grey.astype(float)).mean()])
    assert np.isnan(facts.moments[1, :, 1:]).all()


def test_moments_are_of_train_where_it_is_given(grey, monkeypatch):
    assert gather(source_of([grey] * 6, splits=[2, 0, 1, 0, 0, -1])).sampled.tolist() == [1, 3, 4]
    monkeypatch.setattr(facts_module, "_SAMPLE", 3)
    assert gather(source_of([grey] * 9), cached=False).sampled.tolist() == [0, 4, 8]


def test_what_cannot_be_read_is_told_with_cause_and_mend(colour):
    whole = encoded(colour)
    contents = [whole, b"", whole[: len(whole) // 2], b"not a picture at all", PermissionError(13, "Permission denied")]
    facts = gather(source_of(contents))
    assert facts.readable.tolist() == [True, False, False, False, False]
    assert sorted(facts.failures) == [1, 2, 3, 4]
    assert facts.contents[1:].tolist() == [-1] * 4
    assert not facts.hashes[1:].any()
    assert all(failure.cause and failure.mend for failure in facts.failures.values())
    assert facts.failures[4].cause == "Permission denied"


def test_formats_are_judged_by_content(colour):
    facts = gather(source_of([encoded(colour, "JPEG"), encoded(colour), colour]))
    assert [facts.format_of(i) for i in range(3)] == ["JPEG", "PNG", "array"]


def test_threads_find_what_one_thread_finds(monkeypatch):
    rng = np.random.default_rng(3)
    contents = [encoded(rng.integers(0, 256, (100, 100), np.uint8)) for _ in range(300)]
    contents[7] = contents[250] = b"damaged"
    steps = []
    many = gather(source_of(contents), cached=False, progress=lambda done, n: steps.append((done, n)))
    monkeypatch.setattr(facts_module, "_threads", lambda source: 1)
    one = gather(source_of(contents), cached=False)
    np.testing.assert_array_equal(many.hashes, one.hashes)
    np.testing.assert_array_equal(many.moments, one.moments)
    assert many.failures == one.failures
    assert list(one.failures) == [7, 250]
    assert [n for _, n in steps] == [300] * 5
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert steps[-1][0] == 300


def test_an_interrupt_stops_the_look(grey):
    def interrupt(done, n):
        raise KeyboardInterrupt

    source = source_of([encoded(grey)] * 5000)
    with pytest.raises(KeyboardInterrupt):
        gather(source, progress=interrupt)
    assert source.storage.reads < 2500, "what has not begun is not waited for"


def equal(one, other) -> bool:
    names = ("readable", "hashes", "sizes", "bands", "bits", "peaks", "lows", "formats", "sampled")
    arrays = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)
    return arrays and np.array_equal(one.moments, other.moments, equal_nan=True) and one.failures == other.failures


def test_the_second_look_comes_from_the_cache(grey, colour, folder):
    contents = [encoded(grey), encoded(colour), b"damaged"]
    first = gather(source_of(contents))
    again = source_of(contents)
    steps = []
    assert equal(gather(again, progress=lambda done, n: steps.append((done, n))), first)
    assert again.storage.reads == 0
    assert steps == [(3, 3)]
    (entry,) = (folder / "check").iterdir()
    entry.write_bytes(entry.read_bytes()[:-1])
    damaged = source_of(contents)
    assert equal(gather(damaged), first)
    assert damaged.storage.reads >= 3


def test_changed_data_is_looked_at_again(grey):
    gather(source_of([grey, grey]))
    for other in (
        source_of([grey, grey], fingerprint="2"),
        source_of([grey, grey], names=["0.png", "2.png"]),
        source_of([grey, grey], splits=[0, 2]),
    ):
        gather(other)
        assert other.storage.reads >= 2
    fresh = source_of([grey, grey])
    gather(fresh, cached=False)
    assert fresh.storage.reads >= 2


def test_a_failing_disk_is_not_remembered(grey):
    gather(source_of([grey, OSError(5, "Input/output error")]))
    mended = source_of([grey, grey])
    assert gather(mended).readable.all()


def test_a_deep_picture_is_decoded_once(monkeypatch):
    calls = []
    real = decode_module._load
    monkeypatch.setattr(decode_module, "_load", lambda image: (calls.append(image), real(image)))
    gather(source_of([encoded(np.arange(64, dtype=np.uint16).reshape(8, 8))]))
    assert len(calls) == 1


def test_an_array_of_more_than_255_channels():
    assert gather(source_of([np.zeros((4, 4, 300), np.uint8)])).bands.tolist() == [300]


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EBADMSG])
def test_what_stays_missing_or_damaged_is_remembered(grey, number):
    gather(source_of([grey, OSError(number, "gone")]))
    again = source_of([grey, grey])
    assert list(gather(again).failures) == [1]
    assert again.storage.reads == 0


def test_where_a_command_is_called_from_says_nothing_about_an_archive(grey, tmp_path, monkeypatch):
    first = gather(source_of([grey]))
    monkeypatch.chdir(tmp_path)
    again = source_of([grey])
    assert equal(gather(again), first)
    assert again.storage.reads == 0


def test_copied_folders_are_told_apart(tmp_path):
    for folder, value in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "0.bmp").write_bytes(encoded(np.full((8, 8), value, np.uint8), "BMP"))
        os.utime(tmp_path / folder / "0.bmp", (1, 1))
    sources = [
        replace(source_of([b""]), storage=Files(str(tmp_path / folder), Names(["0.bmp"]))) for folder in ("a", "b")
    ]
    assert sources[0].stored == sources[1].stored
    one, other = map(gather, sources)
    assert not np.array_equal(one.hashes, other.hashes)
