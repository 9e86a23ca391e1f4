"""`smalti models`."""

from typing import Annotated

from cyclopts import Parameter

from smalti.cli.options import Json
from smalti.cli.output import show, table, write_json
from smalti.errors import InputError

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
    sizes = {name: api.describe_model(name) for name in names}
    if json:
        for name, size in sizes.items():
            write_json({"name": name, **size._asdict()})
        return
    rows = []
    for name, size in sizes.items():
        tokens = f"{size.tokens:,}" if size.tokens else ""
        rows.append((name, f"{size.parameters:,}", tokens, f"{size.macs / 1e9:,.3f}"))
    show(table("", ("preset", "parameters", "tokens", "GMACs"), rows))
