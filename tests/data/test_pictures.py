import threading
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from tests.data.held import RULE, STREAM, Memory, png, source

from smalti.data.augment import AugmentConfig
from smalti.data.batches import Batches
from smalti.data.pictures import Pictures
from smalti.errors import InputError


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
