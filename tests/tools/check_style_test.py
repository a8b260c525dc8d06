"""The style check finds each planted violation, and nothing in code that keeps the rules."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import check_style  # noqa: E402  (the line above says where it is)

HEADER = "// What it is.\n#pragma once\n"


def messages(path: str, text: str) -> list[str]:
    return [finding.message for finding in check_style.check_file(Path(path), text)]


class CheckStyleTest(unittest.TestCase):
    def test_accepts_a_header_that_keeps_the_rules(self):
        self.assertEqual(messages("engine/x.hpp", HEADER + "\nint f();\n"), [])

    def test_finds_each_planted_violation(self):
        planted = {
            "columns": HEADER + "// " + "x" * 98 + "\n",
            "a tab": HEADER + "\tint f();\n",
            "blanks": HEADER + "int f(); \n",
            "one newline": HEADER + "int f();",
            "finish it": HEADER + "// TO" + "DO: more\n",
            "opens with": "#pragma once\n",
            "using namespace": HEADER + "using namespace std;\n",
        }
        for part, text in planted.items():
            with self.subTest(part=part):
                found = messages("engine/x.hpp", text)
                self.assertEqual(len(found), 1, found)
                self.assertIn(part, found[0])

    def test_finds_a_name_that_is_not_snake_case(self):
        self.assertEqual(len(messages("engine/someName.hpp", HEADER)), 1)

    def test_counts_characters_and_not_bytes(self):
        self.assertEqual(messages("engine/x.hpp", HEADER + "// " + "…" * 97 + "\n"), [])


if __name__ == "__main__":
    unittest.main()
