"""What has to be settled before any test imports torch."""

import os

# Models of tests are too small for threads, and two threads that wait for each other crawl where cores are shared.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import smalti._torchvision  # noqa: F401 - timm imports torchvision; the guard has to come first

pytest_plugins = ["tests.hub_cache", "tests.text_runs"]  # fixtures of many rooms
