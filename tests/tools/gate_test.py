"""tools/gate.py tells what differs and what cannot be judged, and git bisect can use it.

On a tiny tree with a stand-in for reprise-lab, and one for valgrind, whose figures a file gives.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / "tools"
NOTHING = {"PATH": "/nowhere"}  # no valgrind

# `reprise-lab run FILE --json [--set pool=N]`. A scenario with an unknown key is refused.
STAND_IN = """\
#!{python}
import json, sys
figures = json.loads('''{figures}''')
text = open(sys.argv[2]).read()
if figures.get("refuses", "nothing refused") in text:
    print("scenario.toml:2: unknown key", file=sys.stderr)
    sys.exit(2)
if figures.get("crashes"):
    print("assertion failed", file=sys.stderr)
    sys.exit(134)
print(json.dumps(figures))
"""

# Writes the profile that it is asked for, then does what its program does.
VALGRIND = """\
#!{python}
import json, subprocess, sys
profile = next(each for each in sys.argv if "out-file=" in each).partition("=")[2]
program = sys.argv.index("run") - 1
result = subprocess.run(sys.argv[program:], capture_output=True, text=True)
print(result.stdout, end="")
run = json.loads(result.stdout)
is_long = sys.argv[-1] != "pool=165"
count = run["sent"] * (run["instructions"] + (run["growth"] if is_long else 0))
with open(profile, "w") as file:
    file.write("fn=(1) reprise::engine::Egress::step()\\n12 " + str(count) + "\\n"
               "fn=(2) reprise::sim::World::step()\\n12 1000000000\\n")
sys.exit(result.returncode)
"""

FIGURES = {
    "egress_pps": 500_551.1264781334, "delivered": 1000, "no_buffer": 0, "kernel_drops": 0,
    "send_drops": 3, "outstanding_time_mean_ns": 12.5, "outstanding_time_p50_ns": 10,
    "outstanding_time_p99_ns": 20, "outstanding_time_p999_ns": 30, "in_flight_time_mean_ns": 8.25,
    "in_flight_time_p99_ns": 9, "submits": 250, "sent": 1000, "turns": 600, "duration_ns": 1000,
    "outstanding_region_ns_by_place": {"egress_queue": 100_000}, "instructions": 1000, "growth": 0}


class Tree(unittest.TestCase):
    """A tree with a baseline that its figures equal."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="gate test ", dir=Path.cwd()))
        self.addCleanup(shutil.rmtree, self.folder)
        self.tree = self.folder / "tree"
        self.baseline = self.tree / "gate" / "baseline.json"
        (self.tree / "gate" / "scenarios").mkdir(parents=True)
        (self.tree / "gate" / "backlog.toml").write_text("version = 1\n")
        for name in ("overload", "steady"):
            (self.tree / "gate" / "scenarios" / f"{name}.toml").write_text("version = 1\n")
        valgrind = self.folder / "bin" / "valgrind"
        valgrind.parent.mkdir()
        valgrind.write_text(VALGRIND.format(python=sys.executable))
        valgrind.chmod(0o755)
        self.build()
        self.gate("--update", "--reason", "the first one", status=0)

    def build(self, compiler: str = "12.2.0", without: tuple[str, ...] = (), **changes):
        """What a build of the tree would leave behind."""
        figures = {key: value for key, value in (FIGURES | changes).items() if key not in without}
        program = self.tree / "build" / "bin" / "reprise-lab"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(STAND_IN.format(python=sys.executable, figures=json.dumps(figures)))
        program.chmod(0o755)
        cache = self.tree / "build" / "CMakeCache.txt"
        cache.write_text("CMAKE_BUILD_TYPE:STRING=Release\nCMAKE_CXX_FLAGS_RELEASE:STRING=-O3\n")
        files = self.tree / "build" / "CMakeFiles" / "3.25.1"
        files.mkdir(parents=True, exist_ok=True)
        (files / "CMakeCXXCompiler.cmake").write_text(
            f'set(CMAKE_CXX_COMPILER_ID "GNU")\nset(CMAKE_CXX_COMPILER_VERSION "{compiler}")\n')

    def gate(self, *options: str, status: int, environment: dict | None = None,
             root: Path | None = None) -> subprocess.CompletedProcess:
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        result = subprocess.run(
            [sys.executable, "-B", str(TOOLS / "gate.py"), "--root", str(root or self.tree),
             *options],
            env=os.environ | {"PATH": path} | (environment or {}), capture_output=True, text=True,
            check=False)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result

    def differences(self, *options: str, **keywords) -> dict[str, list[str]]:
        """The metrics that differ, by scenario."""
        result = json.loads(self.gate("--json", *options, **keywords).stdout)
        return {scenario["name"]: [each["metric"] for each in scenario["differences"]]
                for scenario in result["scenarios"] if scenario["differences"]}


class GateTest(Tree):
    def test_holds_where_nothing_differs(self):
        result = self.gate(status=0)
        self.assertIn("2 scenarios and the instructions are as in", result.stdout)
        self.assertEqual(json.loads(self.baseline.read_text())["reason"], "the first one")

    def test_tells_each_figure_by_its_name_however_little_it_changes(self):
        for figure in FIGURES.keys() - {"sent", "duration_ns", "instructions", "growth",
                                        "outstanding_region_ns_by_place"}:
            with self.subTest(figure=figure):
                self.build(**{figure: FIGURES[figure] + 1e-6})
                metric = "submits_per_datagram" if figure == "submits" else figure
                self.assertEqual(self.differences(status=1, environment=NOTHING),
                                 {"overload": [metric], "steady": [metric]})

    def test_says_by_how_much_and_which_direction_is_worse(self):
        self.build(egress_pps=450_000, submits=200)
        lines = self.gate(status=1).stdout.splitlines()
        rate, submits = lines[2:4]
        self.assertEqual(rate.split(), ["egress_pps", "500,551.126", "450,000", "-10.1", "%",
                                        "worse", "(less", "is", "worse)"])
        self.assertEqual(submits.split(), ["submits_per_datagram", "0.250000", "0.200000", "-20",
                                           "%", "better", "(more", "is", "worse)"])
        self.assertEqual(lines[-2], "The largest change: steady, submits_per_datagram -20 %.")
        self.assertIn("2 of 3 differ", lines[-1])

    def test_tells_instructions_beyond_two_percent(self):
        self.build(instructions=1019)
        self.gate(status=0)
        self.build(instructions=1021)
        self.assertEqual(self.differences(status=1), {
            "instructions per datagram": ["at a backlog of 100", "at a backlog of 10000"]})
        self.build(growth=30)
        self.assertEqual(self.differences(status=1),
                         {"instructions per datagram": ["at a backlog of 10000"]})
        self.build(instructions=970)
        self.assertIn("better", self.gate(status=1).stdout)

    def test_leaves_the_instructions_of_another_compiler_out_but_limits_their_growth(self):
        self.build(compiler="13.1.0", instructions=1300)
        self.assertIn("this build is GNU 13.1.0 -O3; the baseline's is GNU 12.2.0 -O3",
                      self.gate(status=0).stdout)
        self.build(compiler="13.1.0", growth=300)
        self.assertEqual(self.differences(status=1),
                         {"instructions per datagram": ["at 10,000 over at 100"]})

    def test_says_so_where_instructions_cannot_be_counted(self):
        result = self.gate(status=0, environment=NOTHING)
        self.assertIn("not counted: valgrind is missing", result.stdout)

    def test_tells_a_run_that_does_not_end_well(self):
        self.build(crashes=True)
        self.assertEqual(self.differences(status=1, environment=NOTHING),
                         {"overload": ["run"], "steady": ["run"]})

    def test_tells_scenarios_that_came_went_or_changed(self):
        scenarios = self.tree / "gate" / "scenarios"
        (scenarios / "overload.toml").unlink()
        (scenarios / "steady.toml").write_text("version = 1\nseed = 2\n")
        (scenarios / "another.toml").write_text("version = 1\n")
        found = self.gate(status=1).stdout
        for text in ("another\n", "not there", "new", "gone", "changed since"):
            self.assertIn(text, found)

    def test_an_update_keeps_its_reason_and_shows_what_changed(self):
        self.build(turns=500)
        result = self.gate("--update", "--reason", "fewer turns", status=0)
        self.assertIn("turns", result.stdout)
        self.assertEqual(json.loads(self.gate("--json", status=0).stdout)["reason"], "fewer turns")

    def test_an_update_needs_a_reason(self):
        before = self.baseline.read_text()
        for options in (["--update"], ["--update", "--reason", " "], ["--reason", "none"]):
            self.gate(*options, status=2)
        self.build(crashes=True)
        self.gate("--update", "--reason", "a crash", status=2)
        self.assertEqual(self.baseline.read_text(), before)

    def test_refuses_a_wrong_baseline(self):
        baseline = self.folder / "other.json"
        for text, message in (("", "no JSON"), ("{}", "not as"), ('{"version": 2}', "version 2")):
            baseline.write_text(text)
            with self.subTest(text=text):
                self.assertIn(message, self.gate("--baseline", str(baseline), status=2).stderr)
        self.gate("--baseline", str(self.folder / "none.json"), status=2)

    def test_what_cannot_be_judged_is_wrong_here_and_skipped_in_a_bisection(self):
        kept = self.folder / "kept.json"
        shutil.copyfile(self.baseline, kept)
        self.build(refuses="version")
        self.gate(status=2)
        self.gate("--baseline", str(kept), status=125)
        self.build()
        self.gate("--build", "false", status=2)
        self.gate("--build", "false", "--baseline", str(kept), status=125)
        (self.tree / "build" / "bin" / "reprise-lab").unlink()
        self.gate("--baseline", str(kept), status=125)

    def test_a_given_baseline_brings_its_scenarios_and_forgives_figures_not_yet_printed(self):
        kept = self.folder / "kept.json"
        shutil.copyfile(self.baseline, kept)
        shutil.rmtree(self.tree / "gate")
        self.build(without=("outstanding_time_p999_ns",))
        result = self.gate("--baseline", str(kept), status=0)
        self.assertIn("outstanding_time_p999_ns: left out", result.stdout)
        self.build(without=("outstanding_time_p999_ns",), turns=601)
        self.assertEqual(self.differences("--baseline", str(kept), status=1),
                         {"overload": ["turns"], "steady": ["turns"]})


@unittest.skipUnless(shutil.which("git"), "git is missing")
class BisectTest(Tree):
    """A repository whose program is made by a build, which fails in some of its commits."""

    def git(self, *arguments: str) -> str:
        result = subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments], cwd=self.tree,
            env=os.environ | {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                              "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"},
            capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def commit(self, source: str) -> str:
        (self.tree / "source").write_text(source)
        self.git("add", "source")
        self.git("commit", "--quiet", "--allow-empty", "-m", source.splitlines()[-1])
        return self.git("rev-parse", "HEAD").strip()

    def test_a_bisection_names_the_first_bad_commit_past_those_that_do_not_build(self):
        kept = self.folder / "kept"
        kept.mkdir()
        for file in (TOOLS / "gate.py", TOOLS / "engine_instructions.py", self.baseline):
            shutil.copy(file, kept)
        program = self.tree / "build" / "bin" / "reprise-lab"
        good = program.read_text()
        self.build(turns=FIGURES["turns"] + 1)
        bad = program.read_text()
        shutil.rmtree(self.tree / "gate")  # older commits know of no gate
        self.git("init", "--quiet")
        (self.tree / ".git" / "info" / "exclude").write_text("/build/\n")
        sources = [good, good + "# refactored\n", bad, "does not build", "does not build either",
                   bad + "# more\n", bad + "# and more\n"]
        commits = [self.commit(source) for source in sources]
        compiler = (f"{shlex.quote(sys.executable)} -c 'compile(open(\"source\").read(), "
                    "\"source\", \"exec\")' && cp source build/bin/reprise-lab")
        self.git("bisect", "start", commits[-1], commits[0])
        told = self.git("bisect", "run", sys.executable, "-B", str(kept / "gate.py"), "--root", ".",
                        "--build", compiler, "--baseline", str(kept / "baseline.json"))
        self.assertIn(f"{commits[2]} is the first bad commit", told)
        self.assertIn("git bisect skip", self.git("bisect", "log"))


if __name__ == "__main__":
    unittest.main()
