"""Which samples train, which choose, which judge: a split the data gives is kept, a missing one is made.

A split is made class by class in the order of a keyed hash of the *content*, so it depends on the seed and the pictures
and on nothing else: not on file names, not on their order. Equal pictures stay together, and so do the samples of a
group; no content and no group is ever in two splits. Where the data itself puts one in two, the copy in the lesser
split is left out: test is never changed, train gives way to test, val gives way to both.
"""

from smalti.data.split.given import roles
from smalti.data.split.parts import Split
from smalti.data.split.splitting import LEAST_VAL, split

__all__ = ["LEAST_VAL", "Split", "roles", "split"]
