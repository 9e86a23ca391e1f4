"""Text that comes id by id."""

import codecs

from smalti.tokenizers.tokenizer import Ids, Tokenizer

__all__ = ["Streaming"]


class Streaming:
    """Decodes ids as they come. Bytes of a character that is not complete are held back, so that what is written is
    never broken; joined, the parts are what `tokenizer.decode` gives at once.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def __call__(self, ids: Ids, *, last: bool = False) -> str:
        """The text that `ids` complete; with `last`, also what is left."""
        return self._decoder.decode(self.tokenizer.to_bytes(ids), last)
