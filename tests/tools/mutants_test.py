"""tools/mutants.py tells caught from survived and refuses what it cannot judge, on a tiny tree."""

import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

MUTANTS = Path(__file__).resolve().parents[2] / "tools" / "mutants.py"

PROJECT = """\
cmake_minimum_required(VERSION 3.25)
project(tiny LANGUAGES CXX)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
enable_testing()
add_executable(check check.cpp)
add_test(NAME Answer.IsRight COMMAND check)
add_test(NAME Answer.IsNotLookedAt COMMAND check --ignore)
add_test(NAME Script.RunsTheProgram COMMAND ${CMAKE_COMMAND} -E env $<TARGET_FILE:check>)
"""

PROGRAM = """\
int answer() {
  return 42;
}
int main(int count, char**) { return count > 1 || answer() == 42 ? 0 : 1; }
"""


def patch(caught_by: str, old: str = "42", new: str = "43") -> str:
    return (f"Subject: the answer is {new}\nCaught-by: {caught_by}\n\n"
            "--- a/check.cpp\n+++ b/check.cpp\n@@ -1,3 +1,3 @@\n"
            f" int answer() {{\n-  return {old};\n+  return {new};\n }}\n")


class MutantsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = Path(tempfile.mkdtemp(prefix="mutants test ", dir=Path.cwd()))
        (cls.root / "tools" / "mutants").mkdir(parents=True)
        (cls.root / "CMakeLists.txt").write_text(PROJECT)
        (cls.root / "check.cpp").write_text(PROGRAM)
        build = str(cls.root / "build")
        for command in (["cmake", "-S", str(cls.root), "-B", build, "-G", "Ninja"],
                        ["cmake", "--build", build]):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.root)

    def judge(self, patches: dict[str, str], *options: str) -> subprocess.CompletedProcess:
        folder = self.root / "tools" / "mutants"
        for old in folder.glob("*.patch"):
            old.unlink()
        for name, text in patches.items():
            (folder / f"{name}.patch").write_text(text)
        return subprocess.run([sys.executable, "-B", str(MUTANTS), "--root", str(self.root),
                               *options], capture_output=True, text=True, check=False)

    def test_tells_a_survivor_from_a_caught_one(self):
        result = self.judge({"caught": patch("^Answer[.]IsRight$"),
                             "survivor": patch("^Answer[.]IsNotLookedAt$", new="44")}, "--json")
        self.assertEqual(result.returncode, 1, result.stderr)
        verdicts = json.loads(result.stdout)
        self.assertEqual({mutant["name"]: mutant["outcome"] for mutant in verdicts["mutants"]},
                         {"caught": "caught", "survivor": "survived"})
        self.assertEqual((self.root / "check.cpp").read_text(), PROGRAM)

    def test_holds_when_every_one_is_caught(self):
        result = self.judge({"caught": patch("Answer")})
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("1 of 1 mutants caught", result.stdout)

    def test_a_script_that_runs_the_program_catches_too(self):
        result = self.judge({"caught": patch("^Script[.]", new="45")})
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_refuses_what_it_cannot_judge(self):
        refused = {
            "does not apply": patch("Answer", old="7"),
            "does not compile": patch("Answer", new="no_such_name"),
            "names no test": patch("^Question$"),
            "no `Caught-by:` line": patch("").replace("Caught-by: \n", ""),
        }
        for reason, text in refused.items():
            with self.subTest(reason=reason):
                result = self.judge({"wrong": text})
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(reason, result.stderr)

    def test_refuses_tests_that_fail_without_any_mutant(self):
        (self.root / "check.cpp").write_text(PROGRAM.replace("== 42", "== 41"))
        self.addCleanup((self.root / "check.cpp").write_text, PROGRAM)
        result = self.judge({"caught": patch("Answer")})
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn("fails without any mutant", result.stderr)


if __name__ == "__main__":
    unittest.main()
