"""The model file: `model.safetensors` with everything that using the model needs. Never a pickle.

Its metadata carries the family and config, the task, the labels, the Preprocess or the tokenizer, the views, the
training provenance, a checksum of the tensors and a self-test (a seeded input and its first logits). Loading verifies
checksum and self-test. The tensors have the names of the module's state dict, which for a plain ViT are timm's.
"""

import hashlib
import json
import os
import shlex
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar, cast, get_args

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from smalti.data.preprocess import Preprocess
from smalti.data.views import Views
from smalti.errors import DamagedError, InputError, SmaltiError, printable
from smalti.files import write_durably
from smalti.models import FAMILIES, build
from smalti.models.registry import EXAMPLE_SEED, with_options
from smalti.nn.blank import Blank
from smalti.tasks import AnyTask
from smalti.tokenizers import Tokenizer, tokenizer_from_dict

__all__ = ["ModelFile", "read_any_model", "read_model", "write_model"]

FORMAT = 1
FIELDS = {"family", "config", "task", "labels", "views", "provenance", "checksum", "self_test"}
SELF_TEST_TOLERANCE = 1e-3  # of the largest logit: another CPU rounds differently by far less, a wrong model by more
MEND = "give the model.safetensors that smalti train wrote, or make one of published weights: smalti import-weights"

Processor = TypeVar("Processor", Preprocess, Tokenizer)
PROCESSORS = {"preprocess": Preprocess.from_dict, "tokenizer": tokenizer_from_dict}  # by their names in the metadata


@dataclass
class ModelFile(Generic[Processor]):
    """What a model file holds.

    Args:
        family: name in `smalti.models.FAMILIES`.
        module: the network, in eval mode, fp32, on the CPU.
        task: what it answers: "classify", "multilabel", "regress", "next-token", "masked-token" or "seq2seq".
        labels: names of the outputs, in order; none where they are tokens.
        processor: what makes the network's input: a Preprocess of a stored picture, or a tokenizer of a text.
        views: whose answers are averaged.
        provenance: what made it: versions, data, seed, budget, metrics.
        checksum: of the file it was read from; "" where there is none.
    """

    family: str
    module: nn.Module
    task: str
    labels: tuple[str, ...]
    processor: Processor
    views: Views = Views()
    provenance: dict[str, Any] = field(default_factory=dict)
    checksum: str = ""


def write_model(path: str | Path, model: ModelFile[Any]) -> None:
    """Writes a model file, durably."""
    tensors = {name: t.detach().cpu().contiguous() for name, t in model.module.state_dict().items()}
    about: dict[str, Any] = {
        "version": FORMAT,
        "family": model.family,
        "config": asdict(model.module.config),  # type: ignore[arg-type]
        "task": model.task,
        "labels": list(model.labels),
        name_of(model.processor): model.processor.to_dict(),
        "views": asdict(model.views),
        "provenance": model.provenance,
        "self_test": {"seed": EXAMPLE_SEED, "logits": self_test(model.family, model.module)},
    }
    about["checksum"] = checksum(tensors, canonical(about))
    metadata = {"format": "pt", "smalti": json.dumps(about)}
    write_durably(path, save(tensors, metadata=metadata))


def read_model(path: str | os.PathLike[str]) -> ModelFile[Preprocess]:
    """As `read_any_model`, of a model that sees pictures. Raises InputError too where it reads text."""
    file = read_any_model(path)
    if not isinstance(file.processor, Preprocess):
        raise InputError("is a model of text, not of pictures", where=path, mend="name a model trained on pictures")
    return file


def read_any_model(path: str | os.PathLike[str]) -> ModelFile[Any]:
    """Reads and verifies the model file at `path`, or the one inside the run folder at `path`.

    Raises:
        InputError: there is no model there, or it is another kind of file, or `path` is no path.
        DamagedError: it is not what it was when it was written, or this smalti is too old for it.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(
            f"a {type(path).__name__} where the path of a model is expected",
            mend="give a model file or a run folder; the result of a training names them, as .model and .run",
        )
    path = find_model(Path(path))
    refuse_strangers(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, ValueError) as error:
        raise DamagedError(
            "is not a readable model file", where=path, why=str(error), mend="copy or train it again"
        ) from error
    if "smalti" not in metadata:
        raise InputError(
            "holds weights but is not a smalti model file",
            where=path,
            why="it says nothing of labels and preprocessing",
            mend=MEND,
        )
    about = parse(path, metadata["smalti"])
    if checksum(tensors, canonical(about)) != about["checksum"]:
        raise DamagedError("is not what was written", where=path, why="its checksum differs", mend="copy it again")
    try:
        family = about["family"]
        if family not in FAMILIES:
            raise InputError(f'unknown model family "{family}"')
        if about["task"] not in get_args(AnyTask):
            raise InputError(f'unknown task "{about["task"]}"')
        config = with_options(FAMILIES[family].config(), about["config"])
        outputs = getattr(config, "num_classes", 0)
        if len(about["labels"]) != outputs:
            raise InputError(f"{len(about['labels'])} labels for {outputs} outputs")
        with Blank(tensors):
            module = build(family, config)
        module.load_state_dict(tensors)
        (processor,) = (read(about[name]) for name, read in PROCESSORS.items() if name in about)
        views = Views(**about["views"])
        expected = about["self_test"]["logits"]
    except (SmaltiError, RuntimeError, TypeError, KeyError, ValueError, OverflowError) as error:
        raise DamagedError(
            "does not describe a model this smalti can build",
            where=path,
            why=printable(" ".join(str(error).split())),
            mend="use the smalti that wrote it",
        ) from error
    module.eval()
    verify_self_test(path, family, module, expected)
    return ModelFile(
        family,
        module,
        about["task"],
        tuple(about["labels"]),
        processor,
        views=views,
        provenance=about["provenance"],
        checksum=about["checksum"],
    )


def find_model(path: Path) -> Path:
    """The model file that `path` means: itself, or the one in the run folder."""
    if path.is_dir():
        if (path / "model.safetensors").is_file():
            return path / "model.safetensors"
        unfinished = (path / "run.toml").is_file()
        raise InputError(
            "holds no finished model" if unfinished else "is a folder without a model.safetensors",
            where=path,
            mend=f"smalti train --resume {shlex.quote(str(path))} finishes it"
            if unfinished
            else "name a run folder or a model file",
        )
    if not path.exists():
        raise InputError("does not exist", where=path, mend="name a model.safetensors or the folder of a finished run")
    if not path.is_file():
        raise InputError(
            "is not a regular file", where=path, mend="name a model.safetensors or the folder of a finished run"
        )
    return path


def refuse_strangers(path: Path) -> None:
    """Raises InputError for other kinds of files, above all those that could run code when loaded; told by their
    first bytes.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(9)
    except OSError as error:
        raise InputError(
            "cannot be read", where=path, why=error.strerror or str(error), mend="give yourself the right to read it"
        ) from error
    if start[8:] == b"{":  # eight bytes of length, any bytes, then the header: a safetensors file
        return
    if start[:2] == b"PK" or start[:1] == b"\x80":
        raise InputError(
            "is a PyTorch pickle or an archive, not a model file",
            where=path,
            why="loading a pickle can run any code, so smalti never does",
            mend=MEND,
        )
    if len(start) == 9:
        raise InputError(
            "is another kind of file, not a model",
            where=path,
            mend=MEND,
        )


def name_of(processor: Preprocess | Tokenizer) -> str:
    """Under which name the metadata has it."""
    return "preprocess" if isinstance(processor, Preprocess) else "tokenizer"


def parse(path: Path, text: str) -> dict[str, Any]:
    """The metadata of a model file of a known version, complete."""
    try:
        about = json.loads(text)
        version = int(about["version"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise DamagedError("its metadata cannot be read", where=path, why=str(error), mend="copy it again") from error
    if version > FORMAT:
        raise DamagedError(
            f"has format {version}; this smalti reads up to {FORMAT}",
            where=path,
            why="a newer smalti wrote it",
            mend="use a newer smalti",
        )
    missing = FIELDS - set(about) | (set() if PROCESSORS.keys() & about.keys() else {"preprocess"})
    if missing:
        raise DamagedError(f"its metadata lacks {', '.join(sorted(missing))}", where=path, mend="copy it again")
    return about


def canonical(about: dict[str, Any]) -> str:
    """The metadata as one text, whatever its order, without the checksum itself."""
    return json.dumps({key: value for key, value in about.items() if key != "checksum"}, sort_keys=True)


def checksum(tensors: dict[str, Tensor], text: str = "") -> str:
    """SHA-256 over a text and the names, types, shapes and bytes of tensors, in the order of the names."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


@torch.no_grad()
def self_test(family: str, module: nn.Module) -> list[float]:
    """The first outputs for the example, in fp32; of text, for its last token."""
    training, config = module.training, cast(Any, module).config
    logits = module.eval()(*FAMILIES[family].example(config))[0]
    module.train(training)
    return logits.reshape(-1, logits.shape[-1])[-1, :8].tolist()


def verify_self_test(path: Path, family: str, module: nn.Module, expected: list[float]) -> None:
    """Raises DamagedError where the rebuilt network does not answer as the written one did."""
    actual, wanted = torch.tensor(self_test(family, module)), torch.tensor(expected)
    bound = SELF_TEST_TOLERANCE * max(wanted.abs().max().item(), 1e-3)
    off = (actual - wanted).abs().max().item() if actual.shape == wanted.shape else float("inf")
    if not off <= bound:
        raise DamagedError(
            "does not pass its self-test",
            where=path,
            why=f"an output is off by {off:.2g}",
            mend="use the smalti that wrote it, or report this",
        )
