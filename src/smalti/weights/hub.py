"""Published weights by their name on Hugging Face's hub ("timm/vit_small_patch16_224.augreg_in21k_ft_in1k").

They lie where huggingface_hub keeps them ($HF_HOME). What is there is used as it is; nothing is fetched unless asked
for, and then only safetensors and the JSON and text that belong to them, all of one commit. No pickle and no code of a
repository is ever fetched or read. huggingface_hub is an extra, imported where it is used.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from smalti.errors import InputError, StorageError, install_line
from smalti.files import is_refused
from smalti.weights.reading import ONE, SHARDS, Published, read_folder, read_json, read_safetensors, shards
from smalti.weights.text import TEXT

__all__ = ["is_hub_name", "pinned", "read_hub"]

NAME = re.compile(r"(\w[\w.-]*/\w[\w.-]*)(?:@(\w[\w.-]*))?", re.ASCII)  # OWNER/NAME, or OWNER/NAME@COMMIT
LOCAL = (".safetensors", ".npz", ".pth", ".pt", ".bin")  # what ends so is a file that is not there
TOKENIZERS = ("tokenizer.json", "vocab.json", "vocab.txt", "smalti_tokenizer.json")
BESIDE = (*TOKENIZERS, "config.json", "preprocessor_config.json", "tokenizer_config.json", "merges.txt")
FILES = (*BESIDE, ONE, SHARDS, "model-*-of-*.safetensors")
NOT_HERE = "there is no such file or folder, and no such weights of the hub are on this machine"
UNTOLD = "bring its file and say what it is: smalti import-weights FILE --preset PRESET --out MODEL"
PICKLES = "config.json and the weights"  # of any kind: those of a folder are read in a process of their own


def is_hub_name(source: str | os.PathLike[str]) -> bool:
    """Whether this is a name on the hub: OWNER/NAME, or OWNER/NAME@COMMIT. What lies on disk goes before it."""
    name = os.fspath(source)
    return NAME.fullmatch(name) is not None and not name.endswith(LOCAL) and not os.path.lexists(name)


def read_hub(name: str | os.PathLike[str], *, download: bool = False) -> Published:
    """The weights of a repository, with its JSON files.

    Args:
        name: OWNER/NAME, or OWNER/NAME@REVISION, where a revision is a commit, a branch or a tag; else its main branch.
        download: whether it may be fetched; without it nothing touches the network.

    Raises:
        InputError: it is not on this machine and `download` is false, the hub does not give it, it has no safetensors,
            or needs code of its own.
        StorageError: there is no room for it.
    """
    folder, repository = find(os.fspath(name), download)
    return replace(read_folder(folder, read_safetensors), origin=f"{repository}@{folder.name}")


def pinned(name: str | os.PathLike[str], *, download: bool = False) -> str:
    """OWNER/NAME@COMMIT of what `read_hub` would read, which is on this machine then. Raises as it does."""
    folder, repository = find(os.fspath(name), download)
    return f"{repository}@{folder.name}"


def find(name: str, download: bool) -> tuple[Path, str]:
    """The folder of a repository at a commit, whose name is that commit, and the name of the repository."""
    named = NAME.fullmatch(name)
    if named is None:
        raise InputError("is no name on the hub", where=name, mend="write it as OWNER/NAME")
    repository, revision = named[1], named[2]
    folder = cached(name, repository, revision)
    lacks = "" if folder is None else lacking(folder)
    if folder is None or lacks:
        if not download:
            here = f"not all of these weights are on this machine: {lacks} is missing" if lacks else NOT_HERE
            raise InputError(here, where=name, mend=f"check the path, add --download to fetch them, or {bring(name)}")
        folder = fetched(name, repository, revision)
    refuse_code(name, folder)
    return folder, repository


def bring(name: str, files: str = "the .json and .safetensors files") -> str:
    """How weights come here another way."""
    page = f"huggingface.co/{name.partition('@')[0]}"
    return f"put {files} of {page} into a folder and run smalti import-weights FOLDER --out MODEL"


def cached(name: str, repository: str, revision: str | None) -> Path | None:
    """The folder of a repository on this machine; None where there is none."""
    _library(name)
    try:
        return snapshot(repository, revision, FILES, local_files_only=True)
    except (OSError, ValueError) as error:  # not there, or no name that the hub could have
        part = getattr(error, "snapshot_path", None)  # of one that is half here
        return part and Path(part)


def fetched(name: str, repository: str, revision: str | None) -> Path:
    """The folder of a repository, fetched: first what says what it is, then the weights of the same commit."""
    library = _library(name)
    try:
        folder = snapshot(repository, revision, BESIDE)
        refuse_code(name, folder)
        folder = snapshot(repository, folder.name, FILES)
    except InputError:
        raise
    except Exception as error:  # the library lets out its own errors, those of its network code, and the disk's
        raise _refused(name, library, error) from error
    if not read_json(folder / "config.json"):
        raise InputError("does not say what it is", where=name, why="it has no config.json", mend=UNTOLD)
    if lacks := lacking_weights(folder):  # cut off from the hub, the library gives what part it has
        why = f"{lacks} is missing, and pickles are not fetched"
        raise InputError(
            "no safetensors of it could be had",
            where=name,
            why=why,
            mend=f"check the network, or {bring(name, PICKLES)}",
        )
    return folder


def snapshot(repository: str, revision: str | None, files: Iterable[str], *, local_files_only: bool = False) -> Path:
    """The folder huggingface_hub keeps a commit of a repository in, with those of `files` that it has."""
    from huggingface_hub import snapshot_download

    given: dict[str, Any] = {"allow_patterns": list(files), "local_files_only": local_files_only}
    return Path(snapshot_download(repository, revision=revision, **given))


def lacking(folder: Path) -> str:
    """The first file that is not there of those a model is made of; "" where all are. Other programs fetch fewer."""
    told = read_json(folder / "config.json")
    if not told:
        return "config.json"
    if lacks := lacking_weights(folder):
        return lacks
    reads_text = told.get("model_type") in {about.kind for about in TEXT.values()}
    return TOKENIZERS[0] if reads_text and not any((folder / one).is_file() for one in TOKENIZERS) else ""


def lacking_weights(folder: Path) -> str:
    """The first file of the weights that is not there; "" where all are."""
    if (folder / ONE).is_file():
        return ""
    names = shards(folder) if (folder / SHARDS).is_file() else []
    return next((name for name in names if not (folder / name).is_file()), "" if names else ONE)


def refuse_code(name: str, folder: Path) -> None:
    """Raises InputError where a repository is a model only by code that comes with it."""
    if "auto_map" in read_json(folder / "config.json"):
        why = "auto_map in its config.json"
        raise InputError("needs code of its own", where=name, why=why, mend="no such code is run; choose another model")


def _library(name: str) -> Any:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # it would tell of programs around it
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError as error:
        raise InputError(
            "there is no such file or folder",
            where=name,
            why="names of the hub need huggingface_hub, which is not installed",
            mend=f"name a file, or {install_line('huggingface-hub')}",
        ) from error
    return huggingface_hub


def _refused(name: str, library: Any, error: Exception) -> InputError | StorageError:
    """What is said where the hub gives nothing."""
    kinds, why = library.errors, " ".join(str(error).split())
    if isinstance(error, kinds.GatedRepoError):
        return InputError("asks for consent", where=name, mend="accept its terms on its page and run hf auth login")
    if isinstance(error, kinds.RepositoryNotFoundError | kinds.HFValidationError):
        return InputError("the hub shows no such repository", where=name, mend="check the name; it is OWNER/NAME")
    if isinstance(error, kinds.RevisionNotFoundError):
        return InputError("has no such commit, branch or tag", where=name, mend="leave out what follows the @")
    if is_refused(error):
        return StorageError("cannot be kept", where=name, why=why, mend="free space, or set HF_HOME to another folder")
    if library.constants.HF_HUB_OFFLINE:
        return InputError(
            "is not on this machine", where=name, why="HF_HUB_OFFLINE is set", mend=f"unset it, or {bring(name)}"
        )
    return InputError("could not be fetched", where=name, why=why, mend=f"check the network, or {bring(name)}")
