"""Manifests: a CSV, TSV or JSONL file that names pictures and says what each one is.

Columns (any case): `path` (or file, file_name, filename, image), and one of
`label` (or class, category: one class name), `labels` (several, separated by | or ;, or a JSON list: multi-label),
`target`, `targets` or several `target_*` (numbers: regression); further `split` and `group`, if wanted. Where none of
these says it, and each of the other columns is 0 or 1 in every row (or -1 or 1), their names are the labels: one class
a picture where every row has a single 1, else multi-label.

Paths start from the manifest's folder. Where none of them leads to a file, as in many tables that are published, the
pictures are looked for below that folder by their names, with or without a suffix.
"""

from smalti.data.formats.manifest.reading import read_file, read_tree
from smalti.data.formats.manifest.search import Found, find, remark

__all__ = ["Found", "find", "read_file", "read_tree", "remark"]
