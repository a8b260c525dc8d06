#!/usr/bin/env python3
"""Runs the same simulations in several processes and builds and compares their digests.

Each FOLDER is a build of the tree whose tests_properties and reprise-lab are built; the first is
run twice, in two processes. The properties write the digests of a share of their runs
(proptests/digest_log.hpp), and the committed run files (tests/lab/run_files) are replayed: a file
of this engine must reproduce its digest in every build, one of an earlier engine must give the
same one in all of them.

Exit status: 0 all digests are equal, 1 two differ, 2 something else was wrong.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROPERTIES = "Buffers.*:Datagrams.*:Order.*:Payload.*:Progress.*:Little.*"


RUN_FILES = Path(__file__).resolve().parent.parent / "tests" / "lab" / "run_files"


def say(text: str) -> None:
    print(f"determinism: {text}", file=sys.stderr, flush=True)


def digests_of(folder: Path, cases: int, file: Path) -> list[str]:
    program = folder / "bin" / "tests_properties"
    if not program.is_file():
        raise SystemExit(f"determinism: {program}: not built; see ./dev determinism")
    environment = os.environ | {"REPRISE_DIGEST_FILE": str(file),
                                "RC_PARAMS": f"seed=1 max_success={cases}"}
    result = subprocess.run([program, f"--gtest_filter={PROPERTIES}"], env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            check=False)
    if result.returncode != 0:
        print(result.stdout, file=sys.stderr)
        say(f"{program}: ended with status {result.returncode}; its output is above")
        sys.exit(2)
    return file.read_text(encoding="utf-8").splitlines()


def replays_of(folder: Path) -> list[str]:
    """One line for each run file: what its replay found, and whether it is what was recorded."""
    program = folder / "bin" / "reprise-lab"
    if not program.is_file():
        raise SystemExit(f"determinism: {program}: not built; see ./dev determinism")
    lines = []
    for file in sorted(RUN_FILES.glob("*.toml")):
        # Beyond a divergence from an earlier engine too, so that whole runs are compared.
        result = subprocess.run([program, "replay", file, "--continue", "--json"], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if result.returncode not in (0, 1):
            say(f"{program}: {file.name}: status {result.returncode}: {result.stderr.strip()}")
            sys.exit(2)
        replay = json.loads(result.stdout)
        is_from_here = replay["same_engine"] and replay["same_simulator"]
        if is_from_here and replay["verdict"] != "exact":
            say(f"{program}: {file.name}: {replay['verdict']}; expected an exact replay")
            sys.exit(1)
        lines.append(f"{file.name} {replay['verdict']} {replay['found']['digest']}")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--cases", type=int, default=800, help="of each property (default: 800)")
    parser.add_argument("--json", action="store_true", help="print one object on one line")
    arguments = parser.parse_args()
    builds = [arguments.folders[0], *arguments.folders]
    expected: list[str] = []
    differing: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, build in enumerate(builds):
            replays = replays_of(build)
            found = replays + digests_of(build, arguments.cases, Path(folder) / str(number))
            say(f"{build}: {len(found)} digests, of which {len(replays)} are of run files")
            if number == 0:
                expected = found
            elif found != expected:
                first = next((pair for pair in zip(expected, found) if pair[0] != pair[1]),
                             (f"{len(expected)} digests", f"{len(found)}"))
                differing.append(str(build))
                say(f"{build}: differs first in: {first[1]}; expected {first[0]}")
    if not expected:
        say("no digests were written")
        return 2
    if arguments.json:
        print(json.dumps({"digests": len(expected), "processes": len(builds),
                          "builds": [str(build) for build in arguments.folders],
                          "differing": differing}))
    else:
        print(f"{len(expected)} runs in {len(builds)} processes: "
              + ("all digests are equal" if not differing else f"{', '.join(differing)} differ"))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
