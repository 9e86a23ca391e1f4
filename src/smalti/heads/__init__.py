"""The way out: tokens to an answer."""

from smalti.heads.pool import ClsPool, MapPool, MeanPool, SeqPool

__all__ = ["ClsPool", "MapPool", "MeanPool", "SeqPool"]
