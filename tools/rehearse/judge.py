"""judge.py DIRECTORY...: for each directory with changed templates, translates them
into DIRECTORY/NAME.json and writes what the cheap checks say to DIRECTORY/verdict.json:
{"sam": [...], "policy": [...]}, each list empty when content.

One process for all, since SAM's translator takes a second to start."""

import io
import json
import pathlib
import sys
from contextlib import redirect_stdout

tools = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(tools), str(tools / "policy")]

import translate  # noqa: E402
from check import findings  # noqa: E402


def translated(path):
    out = io.StringIO()
    with redirect_stdout(out):
        translate.main(str(path))
    return out.getvalue()


def judge(directory):
    verdict = {"sam": [], "policy": []}
    changed = (directory / "changed").read_text(encoding="utf-8").split()
    for path in sorted(directory.glob("*.yaml")):
        if path.name not in changed:
            continue
        try:
            text = translated(path)
        except SystemExit as refused:
            verdict["sam"].append(str(refused))
            continue
        path.with_suffix(".json").write_text(text, encoding="utf-8")
        verdict["policy"] += [f"{resource}: {what}" for _, resource, what in findings(json.loads(text))[0]]
    (directory / "verdict.json").write_text(json.dumps(verdict), encoding="utf-8")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        judge(pathlib.Path(argument))
