"""Speed beside named peers: runs the parts one after the other and, once a day has rows of all parts, writes the table
of docs/performance.md. Contenders work turn by turn, each in a process of its own (interleaved.py).

    python benchmarks/speed/bench.py [--only training,inference,families,language,images,start,memory] [--rounds 7]

Nothing else should run on the machine. Results go to benchmarks/results/speed-DATE.json as they come.
"""

import argparse
import datetime
import importlib
import json
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).parent
PARTS = ("training", "inference", "families", "language", "images", "start", "memory")
PEERS = ("torch", "torchvision", "timm", "transformers", "openvino", "pillow", "simplejpeg", "numpy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--part", help=argparse.SUPPRESS)  # one part, in the fresh process
    args = parser.parse_args()
    if args.part:
        for row in importlib.import_module(args.part).measure(args.rounds):
            print("ROW " + json.dumps(row), flush=True)
        return
    today = datetime.date.today().isoformat()
    path = HERE.parent / "results" / f"speed-{today}.json"
    record = json.loads(path.read_text()) if path.exists() else {"rows": []}
    record["about"] = {"date": today, "rounds": args.rounds, "machine": machine(), "versions": versions()}
    for part in args.only.split(","):
        record["rows"] = [row for row in record["rows"] if row["part"] != part]
        for row in rows_of(part, args.rounds):
            print(f"{row['work']:55} {row['name']:32} {figure(row):>14}  {row['ratio']:.2f}x", flush=True)
            record["rows"].append({"part": part, **row})
            path.write_text(json.dumps(record, indent=1) + "\n")
    if {row["part"] for row in record["rows"]} >= set(PARTS):  # a few parts replace no whole table
        write_tables(record)


def rows_of(part: str, rounds: int):
    """The rows of a part, as its process prints them."""
    call = [sys.executable, __file__, "--part", part, "--rounds", str(rounds)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout or ():
            if line.startswith("ROW "):
                yield json.loads(line[4:])
    if child.returncode:
        raise SystemExit(f"{part} failed")


def figure(row: dict) -> str:
    """The number a row is about, with its unit."""
    return f"{row['mib']:,.0f} MiB" if "mib" in row else f"{row['items_per_second']:,.4g}/s"


def machine() -> str:
    names = (
        re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()) if os.path.exists("/proc/cpuinfo") else []
    )
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores"


def versions() -> dict[str, str]:
    found = {}
    for name in PEERS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {"python": platform.python_version(), **found}


def write_tables(record: dict) -> None:
    """Replaces what is between the marks of docs/performance.md."""
    page = HERE.parents[1] / "docs" / "performance.md"
    about = record["about"]
    lines = ["| work | contender | a second, or peak | ratio | lowest and highest round |", "|---|---|---|---|---|"]
    last = ""
    for row in sorted(record["rows"], key=lambda row: PARTS.index(row["part"])):
        work, last = ("" if row["work"] == last else row["work"]), row["work"]
        name = f"**{row['name']}**" if row["name"].startswith("smalti") else row["name"]
        spread = f"{row['low']:.2f} to {row['high']:.2f}" if "low" in row else ""
        remarks = "; ".join(filter(None, (spread, row.get("note"))))
        lines.append(f"| {work} | {name} | {figure(row)} | {row['ratio']:.2f} | {remarks} |")
    packages = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    command = f"`python benchmarks/speed/bench.py --rounds {about['rounds']}`"
    lines += ["", f"{command}, {about['machine']}, {about['date']}; {packages}."]
    text = "<!-- speed:begin -->\n" + "\n".join(lines) + "\n<!-- speed:end -->"
    old = page.read_text("utf-8")
    page.write_text(re.sub(r"<!-- speed:begin -->.*?<!-- speed:end -->", lambda _: text, old, flags=re.DOTALL), "utf-8")


if __name__ == "__main__":
    main()
