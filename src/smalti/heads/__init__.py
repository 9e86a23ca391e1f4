"""The way out: tokens to an answer, or to words."""

from smalti.heads.pool import ClsMeanPool, ClsPool, MapPool, MeanPool, SeqPool
from smalti.heads.tied import TiedLinear

__all__ = ["ClsMeanPool", "ClsPool", "MapPool", "MeanPool", "SeqPool", "TiedLinear"]
