"""The layer check finds each planted violation, and nothing in code that keeps the rules."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import check_layers  # noqa: E402  (the line above says where it is)


def messages(path: str, text: str) -> list[str]:
    return [finding.message for finding in check_layers.check_file(Path(path), text)]


class CheckLayersTest(unittest.TestCase):
    def assert_found(self, path: str, text: str, part: str):
        found = messages(path, text)
        self.assertEqual(len(found), 1, found)
        self.assertIn(part, found[0])

    def test_accepts_what_a_layer_may_see(self):
        self.assertEqual(messages("sim/world.cpp", '#include "reprise/engine/io.hpp"\n'
                                                   '#include "reprise/sim/world.hpp"\n'), [])
        self.assertEqual(messages("apps/reprise.cpp", '#include "reprise/daemon/run.hpp"\n'), [])
        self.assertEqual(messages("backends/uring/CMakeLists.txt",
                                  "reprise_library(uring SOURCES a.cpp\n"
                                  "  LINK reprise::engine reprise::posix  # not reprise::sim\n"
                                  "  PRIVATE_LINK PkgConfig::LIBURING)\n"), [])

    def test_finds_an_include_of_a_higher_layer(self):
        self.assert_found("engine/io.cpp", '#include "reprise/sim/world.hpp"\n', "sees only")
        self.assert_found("sim/world.cpp", '#include "reprise/uring/ring.hpp"\n', "sees only")
        self.assert_found("backends/uring/ring.cpp", '#  include <reprise/sim/world.hpp>\n',
                          "sees only")
        self.assert_found("traffic/gen.cpp", '#include "reprise/uring/ring.hpp"\n', "sees only")

    def test_finds_an_include_that_climbs_out_of_its_folder(self):
        self.assert_found("engine/io.cpp", '#include "../sim/world.hpp"\n', "write")

    def test_finds_a_link_to_a_higher_layer(self):
        self.assert_found("engine/CMakeLists.txt",
                          "reprise_library(engine SOURCES io.cpp LINK reprise::sim)\n",
                          "links reprise::sim")
        self.assert_found("sim/CMakeLists.txt",
                          "target_link_libraries(reprise_sim PUBLIC reprise_posix)\n",
                          "links reprise_posix")

    def test_finds_what_makes_a_run_depend_on_more_than_its_picks(self):
        for folder in check_layers.DETERMINISTIC_FOLDERS:
            path = f"{folder}/x.cpp"
            for header in check_layers.FORBIDDEN_HEADERS:
                self.assert_found(path, f"#include <{header}>\n", "deterministic")
            for code in ("auto seed = std::random_device{};", "const int k = rand();",
                         "auto now = time(nullptr);", "auto now = std::time(&value);",
                         "std::unordered_map<int, int> seen;", 'f(getenv("HOME"));',
                         "auto now = std::chrono::steady_clock::now();"):
                with self.subTest(path=path, code=code):
                    self.assertNotEqual(messages(path, code), [])
                    self.assertEqual(messages("tests/x.cpp", code), [])

    def test_finds_floating_point_in_the_engine_alone(self):
        self.assert_found("engine/x.cpp", "double share = 0;\n", "integers")
        self.assertEqual(messages("sim/x.cpp", "double share = 0;\n"), [])

    def test_is_not_misled_by_comments_text_and_names(self):
        self.assertEqual(messages("engine/x.cpp", '// double time(nullptr), rand()\n'
                                                  '/* #include <chrono>\n float */\n'
                                                  'const char* text = "double rand()";\n'
                                                  "world.time(0); int strand(int);\n"
                                                  "auto n = 1'000'000; auto c = '\"';\n"), [])

    def test_finds_code_after_a_digit_separator(self):
        self.assert_found("engine/x.cpp", "f(1'000, 'a'); double share; g('b');\n", "integers")

    def test_finds_a_place_on_one_machine_in_any_file(self):
        place = "/" + "home/someone/x"
        self.assert_found("docs/X.md", f"see {place}\n", "one machine")
        self.assertEqual(messages("docs/X.md", "see ${prefix}/home/x and /dev/null\n"), [])

    def test_names_the_line(self):
        found = list(check_layers.check_file(
            Path("engine/x.cpp"), '// one\n\n#include "reprise/sim/world.hpp"\n'))
        self.assertEqual([finding.line for finding in found], [3])


if __name__ == "__main__":
    unittest.main()
