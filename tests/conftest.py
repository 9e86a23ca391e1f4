"""What has to be settled before any test imports torch."""

import gc
import os

# Models of tests are too small for threads, and two threads that wait for each other crawl where cores are shared.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import settings

import smalti._torchvision  # noqa: F401 - timm imports torchvision; the guard has to come first

settings.register_profile("smalti", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("smalti")

pytest_plugins = ["tests.hub_cache", "tests.picture_runs", "tests.text_runs"]  # fixtures of many rooms


def pytest_collection_finish() -> None:
    """What was imported stays: who collects garbage need not look through it again and again."""
    gc.collect()
    gc.freeze()
