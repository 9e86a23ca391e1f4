"""What the frozen features of a model know of a data set, which is split as training on it would be."""

import os

from smalti.data.formats.columns import Columns
from smalti.data.split import split
from smalti.evaluate.probing import Probed, probe_on
from smalti.nn.threads import Threads
from smalti.ready import Model
from smalti.recipes.assemble import checked
from smalti.recipes.evaluate import demand_channels, open_pictures
from smalti.recipes.remarks import about_data, tell
from smalti.tasks import Task

__all__ = ["probe_pictures"]


def probe_pictures(
    model: Model,
    data: str | os.PathLike[str],
    *,
    task: Task | None,
    columns: Columns | None,
    k: int,
    download: bool,
    show: bool,
) -> Probed:
    """As `smalti.probe`, of a loaded model."""
    source = open_pictures(model, data, task, download=download, columns=columns)
    found = checked(source, show=show)
    demand_channels(model, found, source.name)
    tell(about_data(found), show)
    parts = split(source, found.facts, seed=model.provenance.get("seed", 0))
    with Threads():
        return probe_on(model, source, parts, k=k, show=show)
