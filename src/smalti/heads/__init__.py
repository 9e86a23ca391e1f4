"""The way out: tokens to an answer, or to words."""

from smalti.heads.pool import ClsPool, MapPool, MeanPool, SeqPool
from smalti.heads.tied import TiedLinear

__all__ = ["ClsPool", "MapPool", "MeanPool", "SeqPool", "TiedLinear"]
