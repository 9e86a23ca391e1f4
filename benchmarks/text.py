"""Language models of equal size for equal minutes on one text, and pairs: the tables of docs/results.md.

    python benchmarks/text.py --data tinyshakespeare.txt --into FILE.json [--minutes 3] [--seeds 0,1,2]
        [--only gpt_char_mini,lstm_char,gru_char,rnn_char,public,bert_mini,dates,numbers]

Rows of characters: plain `smalti train FILE --minutes M --model PRESET` and nothing else; `gpt_char_mini` with no model
named is the rule's own choice. "public" is the setting that nanoGPT's README names for a CPU: 2,000 steps of 12 windows
of 64 characters. "bert_mini" hides tokens of the same text. "dates" and "numbers" are pairs that benchmarks/pairs.py
makes, by the Transformer and by the LSTM. Rows that FILE.json has are not run again; the table goes to stdout.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import pairs

ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt_char_mini": ("text", {}),
    "lstm_char": ("text", {"model": "lstm_char"}),
    "gru_char": ("text", {"model": "gru_char"}),
    "rnn_char": ("text", {"model": "rnn_char"}),
    "public": ("text", {"model": "gpt_char_mini", "steps": 2000, "set": ["loop.batch_size=12", "tokens.max_len=64"]}),
    "bert_mini": ("text", {"task": "masked-token"}),
    "dates": ("dates", {}),
    "dates LSTM": ("dates", {"model": "lstm_seq2seq_mini"}),
    "numbers": ("numbers", {"steps": 3500}),
    "numbers LSTM": ("numbers", {"model": "lstm_seq2seq_mini"}),
}
PAIRS = {"dates": (pairs.dates, 10_000), "numbers": (pairs.numbers, 20_000)}


def train(data: Path, minutes: float, seed: int, options: dict[str, Any], out: Path) -> dict[str, Any]:
    """One run by the command; what its result.json says."""
    words = [*(f"--{name}={value}" for name, value in options.items() if name != "set")]
    words += [word for setting in options.get("set", ()) for word in ("--set", setting)]
    words += [] if "steps" in options else [f"--minutes={minutes}"]
    command = [sys.executable, "-m", "smalti", "train", str(data), "--out", str(out), "--seed", str(seed), *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    result = json.loads((out / "result.json").read_text())
    kept = ("metrics", "steps", "parameters", "seconds")
    return {name: result[name] for name in kept} | {"train_seconds": result["timing"]["train"]}


def written(out: Path) -> str:
    """A sample of a model that continues text."""
    command = [sys.executable, "-m", "smalti", "sample", str(out), "--prompt", "ROMEO:", "--max-tokens", "300"]
    return subprocess.run([*command, "--seed", "1"], check=True, capture_output=True, text=True).stdout


def table(rows: dict[str, dict[str, Any]]) -> str:
    """A line a row: the headline of each seed's run, mean and deviation."""
    lines = ["| run | seeds | parameters | steps | loss, nats | bits | right |", "|---|---|---|---|---|---|---|"]
    for name, seeds in rows.items():
        runs = list(seeds.values())

        def spread(*metrics: str, scale: float = 1.0, digits: int = 3, runs: list = runs) -> str:
            found = next((m for m in metrics if m in runs[0]["metrics"]), None)
            if found is None:
                return ""
            values = [scale * run["metrics"][found]["value"] for run in runs]
            return f"{mean(values):.{digits}f}" + (f" ± {stdev(values):.{digits}f}" if len(values) > 1 else "")

        steps = f"{mean(run['steps'] for run in runs):,.0f}"
        right = spread("sequence_accuracy", "masked_accuracy", "accuracy", scale=100, digits=1)
        loss, bits = spread("loss"), spread("bits_per_character")
        lines.append(f"| {name} | {len(runs)} | {runs[0]['parameters']:,} | {steps} | {loss} | {bits} | {right} % |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a text; Tiny Shakespeare in docs/results.md")
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--only", default=",".join(ROWS), help="rows, by name")
    args = parser.parse_args()
    rows = json.loads(args.into.read_text()) if args.into.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        files = {"text": args.data}
        for kind, (make, n) in PAIRS.items():
            files[kind] = Path(folder, f"{kind}.csv")
            pairs.write(files[kind], make(n, random.Random(0)))
        for seed in args.seeds.split(","):
            for name in (name for name in args.only.split(",") if seed not in rows.get(name, {})):
                kind, options = ROWS[name]
                out = Path(folder, f"{name}-{seed}".replace(" ", "-"))
                row = train(files[kind], args.minutes, int(seed), options, out)
                if kind == "text" and "task" not in options:
                    row["sample"] = written(out)
                rows.setdefault(name, {})[seed] = row
                args.into.write_text(json.dumps(rows, indent=1))
    print(table(rows))


if __name__ == "__main__":
    main()
