"""The rooms and who may know whom, read off the source; and what an import or a help text loads, in a fresh process."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "smalti"

# From the ground up; a room imports from rooms before it, and from itself.
ROOMS = (
    "_version",
    "errors",
    "configs",
    "files",
    "progress",
    "_torchvision",
    "tasks",
    "nn",
    "embed",
    "heads",
    "models",
    "weights",
    "tokenizers",
    "data",
    "modelfile",
    "importing",
    "ready",
    "sample",
    "ready_text",
    "export",
    "objectives",
    "train",
    "evaluate",
    "recipes",
    "answering",
    "api",
    "__init__",
    "cli",
    "__main__",
)
# Even by way of others. (Who knows, whom not.)
STRANGERS = [
    ("data", "models"),
    ("models", "data"),
    ("evaluate", "train"),
    ("ready", "train"),
    ("export", "train"),
    ("nn", "models"),
]

OURS = {
    "torch",
    "torchvision",
    "numpy",
    "PIL",
    "safetensors",
    "sklearn",
    "cyclopts",
    "rich",
    "matplotlib",
    "jinja2",
    "simplejpeg",
}
EXTRAS = {
    "tokenizers",
    "sacrebleu",
    "huggingface_hub",
    "pillow_heif",
}  # imported by the functions that use them, never needed otherwise
NAMED = {
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "pillow_heif": "pillow-heif",
}  # where the distribution has another name
PART_OF = {"markupsafe": "jinja2"}
SLOW = {"torchvision", "sklearn", "rich", "matplotlib", "jinja2"}  # imported by the functions that use them
UNSAFE = {"pickle", "_pickle", "shelve", "marshal", "dill", "joblib", "cloudpickle"}
PICKLES = "data/formats/cifar.py"  # CIFAR is published as pickles
HUB = "weights/hub.py"  # fetches what a person names, where they allow it
APART = "weights/_unpickle.py"  # weights too: read by a process of its own
NETWORK = {"socket", "ssl", "http", "urllib", "ftplib", "smtplib", "xmlrpc", "requests", "huggingface_hub"}


@dataclass(frozen=True)
class Import:
    file: str
    line: int
    name: str  # dotted
    on_load: bool  # when the module is loaded, not when a function is called or types are checked

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.name}"


def imports_of(node: ast.AST, file: str, on_load: bool = True) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(file, child.lineno, alias.name, on_load)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{file}:{child.lineno}: write imports in full"
            for alias in child.names:
                yield Import(file, child.lineno, f"{child.module}.{alias.name}", on_load)
        else:
            types_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            in_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from imports_of(child, file, on_load and not types_only and not in_function)


def trees() -> list[tuple[str, ast.Module]]:
    paths = sorted(SOURCE.rglob("*.py"))
    assert len(paths) > 10
    return [(str(path.relative_to(SOURCE)), ast.parse(path.read_text())) for path in paths]


TREES = trees()
IMPORTS = [made for file, tree in TREES for made in imports_of(tree, file)]
INSIDE = [made for made in IMPORTS if made.name.split(".")[0] == "smalti"]
OUTSIDE = [made for made in IMPORTS if made.name.split(".")[0] not in {"smalti", *sys.stdlib_module_names}]


def room(file: str) -> str:
    return file.split("/")[0].removesuffix(".py")


def target(made: Import) -> str:
    parts = made.name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else "__init__"


def test_every_module_has_a_room():
    unknown = {room(file) for file, _ in TREES} - set(ROOMS)
    assert not unknown, f"say in ROOMS where these belong: {sorted(unknown)}"


def test_imports_point_down_only():
    wrong = [str(made) for made in INSIDE if ROOMS.index(target(made)) > ROOMS.index(room(made.file))]
    assert not wrong, "\n".join(wrong)


def test_the_walk_sees_imports_wherever_they_stand():
    code = """
import a
from b.c import d
if TYPE_CHECKING:
    import e
try:
    import f
except ImportError:
    f = None
class C:
    import g
    def m(self):
        import h
async def k():
    from i import j
"""
    found = {made.name: made.on_load for made in imports_of(ast.parse(code), "x.py")}
    assert found == {"a": True, "b.c.d": True, "e": False, "f": True, "g": True, "h": False, "i.j": False}


@pytest.mark.parametrize(("one", "other"), STRANGERS)
def test_strangers_do_not_meet_through_others(one: str, other: str):
    reached, open_ends = set(), {one}
    while open_ends:
        here = open_ends.pop()
        reached.add(here)
        open_ends |= {target(made) for made in INSIDE if room(made.file) == here} - reached
    assert other not in reached


def test_only_declared_dependencies_are_imported():
    wrong = [str(made) for made in OUTSIDE if made.name.split(".")[0] not in OURS | EXTRAS | set(PART_OF)]
    assert not wrong, "\n".join(wrong)
    project = tomllib.loads((SOURCE.parents[1] / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[^\w-]", line)[0] for line in project["dependencies"]}
    assert declared == {NAMED.get(name, name) for name in OURS}
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    assert {re.split(r"[^\w-]", line)[0] for line in extras} == {NAMED.get(name, name) for name in EXTRAS}


def test_only_the_command_line_knows_cyclopts():
    assert {room(made.file) for made in OUTSIDE if made.name.split(".")[0] == "cyclopts"} == {"cli"}


def test_torchvision_is_reached_through_its_guard():
    wrong = [made for made in OUTSIDE if made.name.split(".")[0] == "torchvision"]
    assert [made.file for made in wrong] == ["_torchvision.py"], "\n".join(map(str, wrong))


def test_slow_packages_are_imported_where_they_are_used():
    wrong = [
        str(made)
        for made in OUTSIDE + INSIDE
        if made.on_load
        and (made.name.split(".")[0] in SLOW | EXTRAS or made.name.startswith("smalti._torchvision"))
        and made.file != "_torchvision.py"
    ]
    assert not wrong, "\n".join(wrong)


def test_what_only_unix_or_only_windows_has_is_imported_where_it_is_used():
    apart = {"fcntl", "grp", "msvcrt", "posix", "pwd", "resource", "termios", "winreg"}
    assert not [str(made) for made in IMPORTS if made.on_load and made.name.split(".")[0] in apart]


def test_there_is_no_network():
    wrong = [made for made in IMPORTS if made.name.split(".")[0] in NETWORK]
    assert {(made.file, made.name.split(".")[0]) for made in wrong} == {(HUB, "huggingface_hub")}, "\n".join(
        map(str, wrong)
    )


def test_the_one_reader_of_pickles_decides_itself_what_a_name_means():
    unsafe = [made for made in IMPORTS if made.name.split(".")[0] in UNSAFE]
    assert {(made.file, made.name) for made in unsafe} <= {(PICKLES, "pickle")}, "\n".join(map(str, unsafe))
    tree = dict(TREES)[PICKLES]
    readers = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and "pickle.Unpickler" in map(ast.unparse, node.bases)
    ]
    used = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pickle"]
    assert len(used) == len(readers) == 1, "pickle may only be the base of one reader"
    (find_class,) = [m for m in readers[0].body if isinstance(m, ast.FunctionDef) and m.name == "find_class"]
    assert "super()" not in ast.unparse(find_class)  # the inherited one imports what the file asks for


def calls() -> Iterator[tuple[str, ast.Call, str]]:
    for file, tree in TREES:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield file, node, ast.unparse(node.func)


def test_the_process_apart_reads_tensors_only_and_knows_nothing_of_the_rest():
    made = [made for made in IMPORTS if made.file == APART]
    assert {one.name.split(".")[0] for one in made} <= {"torch", "safetensors", "numpy", *sys.stdlib_module_names}
    loads = [call for file, call, name in calls() if file == APART and name == "torch.load"]
    assert len(loads) == 1
    assert {word.arg: ast.unparse(word.value) for word in loads[0].keywords}["weights_only"] == "True"


def test_nothing_unpickles_by_another_name():
    wrong = [
        f"{file}:{call.lineno} {name}"
        for file, call, name in calls()
        if (name in ("torch.load", "torch.save") and file != APART)
        or any(word.arg == "allow_pickle" and ast.unparse(word.value) != "False" for word in call.keywords)
    ]
    assert not wrong, "\n".join(wrong)


def test_lasting_files_are_written_in_one_place():
    def writes(call: ast.Call, name: str) -> bool:
        if name.split(".")[-1] in ("write_text", "write_bytes", "save_file"):
            return True
        given = (*call.args, *(word.value for word in call.keywords))
        words = [str(node.value) for node in given if isinstance(node, ast.Constant)]
        mode = re.compile(r"[rwaxbt+]*[wax+][rwaxbt+]*")
        return name.split(".")[-1] in ("open", "fdopen") and any(mode.fullmatch(word) for word in words)

    found = [(file, f"{file}:{call.lineno} {name}") for file, call, name in calls() if writes(call, name)]
    seen = {file for file, _ in found}
    spools = {"data/formats/archives/spool.py", APART}  # temporary files, gone with the process
    assert seen == {"files.py"} | spools, "\n".join(where for _, where in found)


def loaded_by(code: str) -> set[str]:
    """The top-level packages a fresh process has loaded after `code`."""
    code += "\nimport sys; sys.stderr.write('\\n' + ' '.join({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


def test_importing_the_package_loads_nothing_heavy():
    assert not loaded_by("import smalti") & (OURS | {"asyncio", "multiprocessing"})


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], *([name, "--help"] for name in ("check", "evaluate", "models", "predict", "train"))],
    ids=" ".join,
)
def test_help_does_not_wait_for_torch(arguments: list[str]):
    loaded = loaded_by(f"from smalti.cli import run; assert run({arguments!r}) == 0")
    assert not loaded & {"torch", "numpy", "PIL", "torchvision", "sklearn", "matplotlib"}


def test_using_a_model_loads_no_training_code():
    calls = "smalti.create_model, smalti.list_models, smalti.load, smalti.predict, smalti.sample"
    code = f"import smalti; {calls}; import sys; assert not {{'smalti.train', 'smalti.cli'}} & set(sys.modules)"
    assert "torch" in loaded_by(code)


def test_no_command_waits_for_the_compiler():
    code = "import smalti.answering, smalti.api, smalti.recipes; import sys; assert 'torch._dynamo' not in sys.modules"
    assert "torch" in loaded_by(code)
