"""How large the presets are.

Counting them all takes half a minute, so what was counted is kept beside their tables: `python -m smalti.models.sizes`
writes sizes.csv anew, and a test tells when that is due.
"""

import csv
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch

from smalti.files import write_durably
from smalti.models.registry import FAMILIES, build, list_models, preset_config

__all__ = ["Size", "count_size", "preset_size"]

TABLE = Path(__file__).with_suffix(".csv")


class Size(NamedTuple):
    """What a model is made of, and what an answer costs.

    Args:
        parameters: numbers that are learned.
        tokens: of one picture, or of the few tokens of text that stand for a text; 0 where there are none.
        macs: multiply-adds for them.
    """

    parameters: int
    tokens: int
    macs: int


def preset_size(name: str) -> Size:
    """Of the preset of that name. Raises InputError where there is none."""
    about = preset_config(name)
    return kept_sizes().get(name) or count_size(*about)


def count_size(family: str, config: Any) -> Size:
    """Of any config of a family, counted; no weights are allocated."""
    from torch.utils.flop_counter import FlopCounterMode  # slow to import

    example = [one.to("meta") for one in FAMILIES[family].example(config)]
    with torch.device("meta"):
        model: Any = build(family, config).eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        features = model.forward_features(*example)
        model.forward_head(features)
    tokens = features.shape[1] if features.ndim == 3 else 0
    return Size(sum(p.numel() for p in model.parameters() if p.requires_grad), tokens, counter.get_total_flops() // 2)


@cache
def kept_sizes() -> dict[str, Size]:
    """Those of the table."""
    with TABLE.open(encoding="utf-8") as table:
        return {row["preset"]: Size(*(int(row[name]) for name in Size._fields)) for row in csv.DictReader(table)}


def table() -> str:
    """Every preset, counted."""
    rows = ((name, *count_size(*preset_config(name))) for name in list_models())
    return "".join(",".join(map(str, row)) + "\n" for row in (("preset", *Size._fields), *rows))


if __name__ == "__main__":
    write_durably(TABLE, table())
