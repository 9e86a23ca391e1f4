import io
import itertools
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from smalti.data import loader
from smalti.data.augment import AugmentConfig, augment
from smalti.data.loader import Batches, Pictures, ahead, default_memory_limit, step_size
from smalti.data.mixing import MixConfig, mix
from smalti.data.preprocess import Preprocess
from smalti.data.source import UNASSIGNED, Source
from smalti.errors import InputError, SmaltiError

RULE = Preprocess((12, 10), 3, (0.5, 0.4, 0.3), (0.2, 0.3, 0.25))
STREAM = 0  # bytes of memory


class Memory:
    """Storage of ready-made raws that counts its reads in this process."""

    def __init__(self, raws):
        self.raws, self.reads = raws, []

    def read(self, index):
        self.reads.append(index)
        return self.raws[index]

    def fingerprint(self):
        return "memory"


def png(i):
    pixels = np.random.default_rng(i).integers(0, 256, (14 + i % 5, 16 + i % 3, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def source(n=37, raws=None, task="classify", targets=None):
    raws = raws or [png(i) for i in range(n)]
    targets = np.arange(len(raws)) % 5 if targets is None else targets
    splits = np.full(len(raws), UNASSIGNED, dtype=np.int8)
    names = [f"folder/{i:03}.png" for i in range(len(raws))]
    return Source("test", task, tuple("abcde"), names, targets, splits, Memory(raws))


def equal(a, b):
    return len(a) == len(b) and all(
        x.keys() == y.keys() and all(torch.equal(x[k], y[k]) for k in x) for x, y in zip(a, b, strict=True)
    )


CONFIG = AugmentConfig(crop="resized", flip="alternate", rotate=10, brightness=0.2, auto="trivial", erase=0.3)


class TestBatches:
    def test_shapes_types_and_targets(self):
        batches = Batches(Pictures(source(), RULE), np.arange(3, 30), batch_size=8)
        found = list(batches.epoch(0))
        assert len(found) == len(batches) == 4
        assert [len(b["image"]) for b in found] == [8, 8, 8, 3]
        assert {(b["image"].dtype, b["target"].dtype, b["id"].dtype) for b in found} == {
            (torch.float32, torch.int64, torch.int64)
        }
        assert torch.cat([b["id"] for b in found]).tolist() == list(range(3, 30))
        assert all(torch.equal(b["target"], b["id"] % 5) for b in found)

    @pytest.mark.parametrize("memory_limit", [STREAM, None])
    @pytest.mark.parametrize("margin", [1.0, 1.3])
    def test_the_evaluation_view_is_preprocess_load_to_the_pixel(self, memory_limit, margin):
        data = source()
        pictures = Pictures(data, RULE, margin=margin, memory_limit=memory_limit, workers=0)
        train = Batches(pictures, np.arange(20), batch_size=8, augment=CONFIG, shuffle=True)
        list(train.epoch(0))
        for batch in train.evaluation(np.arange(37)[::-1].copy()).epoch(0):
            for image, i in zip(batch["image"], batch["id"].tolist(), strict=True):
                assert torch.equal(image, RULE([data.read(i)])[0])

    def test_every_order_is_a_pure_permutation(self):
        data = source()
        make = lambda seed: Batches(Pictures(data, RULE), np.arange(5, 35), batch_size=7, seed=seed, shuffle=True)  # noqa: E731
        ids = lambda batches, epoch: torch.cat([b["id"] for b in batches.epoch(epoch)]).tolist()  # noqa: E731
        batches = make(0)
        orders = [ids(batches, epoch) for epoch in range(3)]
        assert all(sorted(order) == list(range(5, 35)) for order in orders)
        assert orders[0] != orders[1] != orders[2]
        assert ids(make(0), 1) == orders[1]
        assert ids(make(1), 1) != orders[1]

    def test_classes_can_be_drawn_evenly(self):
        data = source(targets=np.array([0] * 30 + [1] * 5 + [2] * 2))
        batches = Batches(
            Pictures(data, RULE), np.arange(37), batch_size=6, shuffle=True, classes=data.targets, drop_last=True
        )
        assert len(batches) == 6  # an epoch stays as long as it was
        for batch in batches.epoch(3):
            assert torch.bincount(batch["target"], minlength=3).tolist() == [2, 2, 2]

    @pytest.mark.parametrize(("limit", "workers"), [(None, 0), (STREAM, 0), (STREAM, 2)])
    def test_drawn_evenly_an_epoch_can_be_entered_anywhere_with_any_workers(self, limit, workers):
        data = source(targets=np.array([0] * 30 + [1] * 5 + [2] * 2))
        make = lambda limit, workers: Batches(  # noqa: E731
            Pictures(data, RULE, memory_limit=limit, workers=workers),
            np.arange(37),
            batch_size=6,
            seed=4,
            augment=CONFIG,
            shuffle=True,
            classes=data.targets,
        )
        whole = list(make(None, 0).epoch(2))
        batches = make(limit, workers)
        assert equal(list(batches.epoch(2)), whole)
        assert equal(list(batches.epoch(2, start=4)), whole[4:])

    def test_a_picture_that_comes_again_in_an_epoch_is_varied_anew(self):
        data = source(targets=np.array([0] * 30 + [1] * 7))
        every = np.arange(37)
        config = AugmentConfig(brightness=0.3)
        batches = Batches(
            Pictures(data, RULE), every, batch_size=37, augment=config, shuffle=True, classes=data.targets
        )
        (batch,) = batches.epoch(0)
        rare = [batch["image"][batch["id"] == i] for i in range(30, 37)]
        assert all(len(seen) in (2, 3) for seen in rare)
        assert not any(torch.equal(a, b) for seen in rare for a, b in itertools.combinations(seen, 2))
        once = Batches(Pictures(data, RULE), every, batch_size=37, augment=config)
        (plain,) = once.epoch(0)
        first = [int((batch["id"] == i).nonzero()[0]) for i in range(30, 37)]
        assert torch.equal(batch["image"][first], plain["image"][30:])  # the first time it is varied as ever

    def test_augmentation_is_the_function_of_seed_epoch_and_id(self):
        data = source()
        config = AugmentConfig(crop="pad", crop_pad=2, flip="random", contrast=0.3)
        batches = Batches(Pictures(data, RULE), np.arange(37), batch_size=5, seed=9, augment=config, shuffle=True)
        for batch in batches.epoch(4):
            for image, i in zip(batch["image"], batch["id"].tolist(), strict=True):
                alone = augment(RULE.load(data.read(i))[None], [i], config=config, out_size=(12, 10), seed=9, epoch=4)
                assert torch.equal(image, RULE.normalize(alone)[0])

    def test_a_margin_gives_crops_more_pixels(self):
        pictures = Pictures(source(), RULE, margin=1.25)
        assert pictures.size == (15, 13)
        batch = next(Batches(pictures, np.arange(9), batch_size=9, augment=CONFIG).epoch(0))
        assert batch["image"].shape == (9, 3, 12, 10)
        stored = torch.stack([RULE.with_size((15, 13)).load(pictures.source.read(i)) for i in range(9)])
        expected = augment(stored, np.arange(9), config=CONFIG, out_size=(12, 10), seed=0, epoch=0)
        assert torch.equal(batch["image"], RULE.normalize(expected))

    @pytest.mark.parametrize(
        ("n", "drop", "sizes"),
        [
            (37, True, [8, 8, 8, 8]),
            (5, True, [5]),
            (9, True, [5, 4]),
            (31, True, [8, 8, 8, 7]),
            (20, False, [8, 8, 4]),
            (16, True, [8, 8]),
        ],
    )
    def test_a_rest_is_left_out_where_it_is_a_small_part(self, n, drop, sizes):
        batches = Batches(Pictures(source(), RULE), np.arange(n), batch_size=8, drop_last=drop, shuffle=True)
        assert [len(b["id"]) for b in batches.epoch(0)] == sizes
        assert len(batches) == len(sizes)

    def test_targets_of_other_tasks_are_float(self):
        targets = np.arange(37 * 5).reshape(37, 5) % 2
        many = Batches(Pictures(source(task="multilabel", targets=targets), RULE), np.arange(8), batch_size=8)
        batch = next(many.epoch(0))
        assert batch["target"].dtype == torch.float32
        assert batch["target"].tolist() == targets[:8].tolist()

    def test_batch_transform_gets_epoch_and_step(self):
        calls = []

        def transform(batch, epoch, step):
            calls.append((epoch, step))
            return mix(batch, MixConfig(mixup=0.5), num_classes=5, seed=0, step=step)

        batches = Batches(Pictures(source(), RULE), np.arange(20), batch_size=8, batch_transform=transform)
        assert [b["target"].shape for b in batches.epoch(3, start=1)] == [(8, 5), (4, 5)]
        assert calls == [(3, 1), (3, 2)]

    def test_nothing_to_load_is_refused(self):
        with pytest.raises(InputError, match="no pictures"):
            Batches(Pictures(source(), RULE), [], batch_size=8)
        with pytest.raises(InputError, match="batch_size 0"):
            Batches(Pictures(source(), RULE), [1], batch_size=0)
        with pytest.raises(InputError, match="margin"):
            Pictures(source(), RULE, margin=0.9)

    def test_global_random_states_stay(self):
        def states():
            return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()

        before = states()
        for limit, workers in [(None, 2), (STREAM, 0), (STREAM, 1)]:
            pictures = Pictures(source(), RULE, memory_limit=limit, workers=workers)
            list(Batches(pictures, np.arange(20), batch_size=8, augment=CONFIG, shuffle=True).epoch(0))
        assert states() == before


def varied(data, *, limit=None, workers=None, background=False):
    pictures = Pictures(data, RULE, margin=1.3, memory_limit=limit, workers=workers)
    return Batches(pictures, np.arange(37), batch_size=5, seed=3, augment=CONFIG, shuffle=True, background=background)


@pytest.fixture(scope="module")
def data():
    return source()


@pytest.fixture(scope="module")
def expected(data):
    return [list(varied(data).epoch(epoch)) for epoch in range(2)]


class TestBitEqual:
    """Memory or stream, any number of workers, in the background or not, from any step: the same bits."""

    @pytest.mark.parametrize(("limit", "workers"), [(None, 1), (None, 3), (STREAM, 0), (STREAM, 1), (STREAM, 3)])
    @pytest.mark.parametrize("background", [False, True])
    def test_whole_epochs(self, data, expected, limit, workers, background):
        batches = varied(data, limit=limit, workers=workers, background=background)
        assert all(equal(list(batches.epoch(epoch)), expected[epoch]) for epoch in range(2))
        assert batches.pictures.holds(np.arange(37)) == (limit is None)

    @pytest.mark.parametrize(("limit", "workers"), [(None, 2), (STREAM, 0), (STREAM, 2)])
    @pytest.mark.parametrize("start", [1, 7, 8])
    def test_from_the_middle(self, data, expected, limit, workers, start):
        batches = varied(data, limit=limit, workers=workers)
        assert equal(list(batches.epoch(1, start=start)), expected[1][start:])

    def test_skipped_steps_are_not_read(self):
        data = source()
        batches = varied(data, limit=STREAM, workers=0)
        rest = torch.cat([b["id"] for b in batches.epoch(1, start=6)]).tolist()
        assert data.storage.reads == rest

    def test_interleaved_iterators(self, data, expected):
        batches = varied(data, limit=STREAM, workers=1)
        found = list(zip(batches.epoch(0), batches.epoch(1), strict=True))
        assert equal([a for a, _ in found], expected[0])
        assert equal([b for _, b in found], expected[1])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_batches_on_a_cuda_device(data):
    pictures = Pictures(data, RULE, margin=1.3)
    make = lambda **k: Batches(pictures, np.arange(37), batch_size=5, augment=CONFIG, shuffle=True, **k)  # noqa: E731
    there, again = list(make(device="cuda").epoch(0)), list(make(device="cuda", background=False).epoch(0))
    assert make(device="cuda").background
    assert {b[k].device.type for b in there for k in b} == {"cuda"}
    assert equal(there, again)
    for a, b in zip(there, make().epoch(0), strict=True):
        assert torch.equal(a["id"].cpu(), b["id"])
        assert torch.equal(a["target"].cpu(), b["target"])
        assert ((a["image"].cpu() - b["image"]).abs() < 1.01 / 255 / 0.2).float().mean() > 0.97
    plain = make(device="cuda").evaluation(np.arange(37))
    for batch in plain.epoch(0):
        expected = RULE([data.read(i) for i in batch["id"].tolist()])
        torch.testing.assert_close(batch["image"].cpu(), expected)


class TestPictures:
    def test_each_picture_is_decoded_once(self):
        data = source()
        pictures = Pictures(data, RULE, workers=2)
        train = Batches(pictures, np.arange(20), batch_size=8, augment=AugmentConfig(flip="random"), shuffle=True)
        for epoch in range(3):
            list(train.epoch(epoch))
        assert sorted(data.storage.reads) == list(range(20))
        list(train.evaluation(np.arange(10, 30)).epoch(0))
        list(Batches(pictures, np.arange(37), batch_size=8).epoch(0))
        assert sorted(data.storage.reads) == list(range(37))

    def test_progress_counts_what_is_read(self):
        seen = []

        @contextmanager
        def progress(total):
            seen.append(total)
            yield lambda n: seen.append(-n)
            seen.append("closed")

        pictures = Pictures(source(), RULE, progress=progress, workers=2)
        pictures.load(np.arange(30))
        assert seen[0] == 30
        assert sum(seen[:-1]) == 0
        assert seen[-1] == "closed"
        pictures.load(np.arange(30))
        assert seen.count("closed") == 1
        pictures.load(np.arange(37))
        assert seen.count("closed") == 2
        assert 7 in seen

    def test_memory_is_used_up_to_the_limit(self):
        one, some = 3 * 12 * 10, np.arange(10, 30)
        for limit, fits in ((20 * one, True), (20 * one - 1, False)):
            pictures = Pictures(source(), RULE, memory_limit=limit, workers=0)
            list(Batches(pictures, some, batch_size=8, shuffle=True))
            assert pictures.holds(some) == fits, "what is not used takes no room"
        assert 0 < default_memory_limit() <= 4 << 30

    def test_what_finds_no_room_is_streamed_beside_what_did(self):
        data = source()
        pictures = Pictures(data, RULE, memory_limit=30 * 3 * 12 * 10, workers=0)
        parts = [np.arange(25, 37), np.arange(20), np.arange(15, 25)]
        for _ in range(2):
            for part in parts:
                (found,) = (batch["image"] for batch in Batches(pictures, part, batch_size=20))
                assert torch.equal(found, RULE([data.read(i) for i in part]))
        assert [pictures.holds(part) for part in parts] == [True, False, True]

    def test_a_damaged_picture_costs_no_room(self):
        pictures = Pictures(source(raws=[png(0), b"damaged"]), RULE, memory_limit=2 * 3 * 12 * 10, workers=0)
        for _ in range(3):
            with pytest.raises(InputError):
                pictures.load(np.arange(2))
        pictures.load(np.arange(1))
        assert pictures.holds(np.arange(1))

    def test_a_container_counts_files_it_may_forget_as_free(self, tmp_path, monkeypatch):
        for name, text in (("max", "1048576\n"), ("current", "1000000\n"), ("stat", "file 9\ninactive_file 500000\n")):
            (tmp_path / f"memory.{name}").write_text(text)
        monkeypatch.setattr(loader, "_GROUP", tmp_path)
        assert default_memory_limit() == (1048576 - 500000) // 4

    def test_a_whole_batch_of_threads_may_ask_at_once(self):
        data = source()
        pictures = Pictures(data, RULE, workers=2)
        threads = [threading.Thread(target=pictures.load, args=(np.arange(37),)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(data.storage.reads) == list(range(37))


class Missing(Memory):
    def read(self, index):
        if index == 11:
            raise FileNotFoundError(2, "No such file or directory")
        return super().read(index)


class TestBadPictures:
    @pytest.mark.parametrize(("limit", "workers"), [(None, 2), (STREAM, 0), (STREAM, 1), (STREAM, 2)])
    @pytest.mark.parametrize("background", [False, True])
    def test_a_damaged_picture_is_named_with_the_mend(self, limit, workers, background):
        raws = [png(i) for i in range(37)]
        raws[11] = raws[11][:60]
        pictures = Pictures(source(raws=raws), RULE, memory_limit=limit, workers=workers)
        batches = Batches(pictures, np.arange(37), batch_size=5, background=background)
        with pytest.raises(InputError) as caught:
            list(batches.epoch(0))
        assert caught.value.where == "folder/011.png"
        assert caught.value.what
        assert caught.value.mend == "smalti check, or --bad-images skip"
        good = np.delete(np.arange(37), 11)
        assert sum(len(b["id"]) for b in Batches(pictures, good, batch_size=5).epoch(0)) == 36

    @pytest.mark.parametrize(("limit", "workers"), [(None, 2), (STREAM, 0), (STREAM, 2)])
    def test_a_missing_file_is_named(self, limit, workers):
        data = source()
        object.__setattr__(data, "storage", Missing(data.storage.raws))
        pictures = Pictures(data, RULE, memory_limit=limit, workers=workers)
        with pytest.raises(InputError, match=r"folder/011.png: cannot be read \(No such file or directory\)"):
            list(Batches(pictures, np.arange(37), batch_size=5).epoch(0))

    def test_the_rest_is_not_worked_through_after_a_bad_one(self):
        raws = [b"nothing"] + [png(i) for i in range(1500)]
        data = source(raws=raws)
        with pytest.raises(InputError):
            Pictures(data, RULE, workers=1).load(np.arange(1501))
        assert len(data.storage.reads) < 200

    @pytest.mark.skipif(os.name != "posix", reason="signals")
    # torch raises out of a signal handler, wherever this process is: where a socket or the iterator is being closed too
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed <socket")
    def test_a_worker_that_dies_is_said_so(self):
        data = source()
        object.__setattr__(data, "storage", Dying(data.storage.raws))
        pictures = Pictures(data, RULE, memory_limit=STREAM, workers=1)
        handlers = []

        def read() -> None:
            try:
                list(Batches(pictures, np.arange(37), batch_size=5).epoch(0))
            finally:  # the signal may come after the broken pipe: not into what looks at the error
                handlers.append(signal.signal(signal.SIGCHLD, signal.SIG_DFL))

        try:
            with pytest.raises(SmaltiError, match=r"a process that reads pictures died.*--workers 0"):
                read()
        finally:
            signal.signal(signal.SIGCHLD, *handlers)


class Dying(Memory):
    def read(self, index):
        if index == 11:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(index)


class TestAhead:
    def test_order_and_end(self):
        assert list(ahead(iter(range(100)))) == list(range(100))
        assert list(ahead(iter(()))) == []

    def test_errors_arrive_after_the_items_before_them(self):
        def items():
            yield 1
            yield 2
            raise KeyError("three")

        iterator = ahead(items())
        assert [next(iterator), next(iterator)] == [1, 2]
        with pytest.raises(KeyError, match="three"):
            next(iterator)

    def test_falsy_items_are_items(self):
        assert list(ahead(iter([None, 0, ()]))) == [None, 0, ()]

    @pytest.mark.parametrize("taken", [0, 1, 5])
    def test_leaving_early_ends_the_thread(self, taken):
        before = threading.active_count()
        iterator = ahead(itertools.count())
        assert list(itertools.islice(iterator, taken)) == list(range(taken))
        start = time.perf_counter()
        iterator.close()
        assert time.perf_counter() - start < 2
        assert threading.active_count() == before

    def test_it_works_ahead_but_not_too_far(self):
        made = []
        iterator = ahead((made.append(i) or i for i in range(100)), depth=2)
        next(iterator)
        deadline = time.perf_counter() + 5
        while len(made) < 4 and time.perf_counter() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        assert len(made) == 4  # one taken, two waiting, one in hand
        iterator.close()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("background", [False, True])
def test_leaving_a_stream_early_ends_its_workers(workers, background):
    def started():
        return set(multiprocessing.active_children()) - before

    before = set(multiprocessing.active_children())
    pictures = Pictures(source(), RULE, memory_limit=STREAM, workers=workers)
    iterator = Batches(pictures, np.arange(37), batch_size=2, background=background).epoch(0)
    next(iterator)
    assert len(started()) == workers
    iterator.close()
    del iterator
    deadline = time.perf_counter() + 10
    while started() and time.perf_counter() < deadline:
        time.sleep(0.02)
    assert not started()


INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background of a shell are born deaf to it
sys.path.insert(0, {here!r})
from test_loader import *

class Slow(Memory):
    def read(self, index):
        time.sleep(0.02)
        return super().read(index)

data = source()
object.__setattr__(data, "storage", Slow(data.storage.raws * 20))
object.__setattr__(data, "names", [str(i) for i in range(740)])
object.__setattr__(data, "targets", np.zeros(740, int))
pictures = Pictures(data, RULE, memory_limit={limit}, workers={workers})
batches = Batches(pictures, np.arange(740), batch_size=4, background={background})
print("ready", flush=True)
try:
    for batch in batches.epoch(0):
        pass
except KeyboardInterrupt:
    print("interrupted", flush=True)
    {after}
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize(("limit", "workers", "background"), [("None", 2, False), ("0", 2, False), ("0", 2, True)])
def test_ctrl_c_ends_it_at_once_and_quietly(limit, workers, background):
    script = INTERRUPTED.format(
        here=str(Path(__file__).parent), limit=limit, workers=workers, background=background, after="pass"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group, workers included
    out, err = process.communicate(timeout=20)
    assert (out, err, process.returncode) == ("interrupted\n", "", 0)


@pytest.mark.parametrize(("batch_size", "expected"), [(3, 3), (64, 5), (4, 3)])
def test_a_step_takes_no_more_than_there_is(batch_size, expected):
    assert step_size(5, batch_size) == expected  # five are two steps of four, or of three
