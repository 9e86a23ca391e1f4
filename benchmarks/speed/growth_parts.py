"""What growth.py loads before it measures, so that no point counts it."""

import inference  # noqa: F401
import torch.utils.flop_counter  # noqa: F401
import training  # noqa: F401

import smalti.api
import smalti.data.check  # noqa: F401
