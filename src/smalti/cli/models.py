"""`smalti models`."""

from typing import Annotated

from cyclopts import Parameter

from smalti.cli.options import Json
from smalti.cli.output import show, table, write_json
from smalti.errors import InputError
from smalti.progress import progress

__all__ = ["models"]


def models(
    pattern: Annotated[str, Parameter(help='Names to show, with * and ?: "vit_small*".')] = "*",
    /,
    *,
    json: Json = False,
) -> None:
    """List the presets: parameters, tokens, multiply-adds of one picture."""
    from smalti import api

    names = api.list_models(pattern)
    if not names:
        raise InputError(f'no preset matches "{pattern}"', mend="smalti models lists them all")
    rows = []
    with progress(len(names), "counting", show=not json) as advance:
        for name in names:
            parameters, tokens, macs = api.describe_model(name)
            if json:
                write_json({"name": name, "parameters": parameters, "tokens": tokens, "macs": macs})
            rows.append((name, f"{parameters:,}", f"{tokens:,}" if tokens else "", f"{macs / 1e9:,.3f}"))
            advance(1)
    if not json:
        show(table("", ("preset", "parameters", "tokens", "GMACs"), rows))
