"""Tests the plugin as its author would: handlers are called natively."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from taskloom import TaskError
from taskloom.testing import Host

from review import Candidate, Diff, Texts, analyse_diff, find_similar, plugin

KEY = "AKIA" + "ABCDEFGHIJKLMNOP"

DIFF = f"""diff --git a/src/app.js b/src/app.js
index 1111111..2222222 100644
--- a/src/app.js
+++ b/src/app.js
@@ -1,3 +1,6 @@
 const a = 1;
-const b = 2;
+const b = 3;
+console.log(b); // TODO `later`
+const key = "{KEY}";
+const password = "x9$kL2pQ7vWz";
 export default a;
diff --git a/.github/workflows/ci.yml b/.github/workflows/ci.yml
new file mode 100644
--- /dev/null
+++ b/.github/workflows/ci.yml
@@ -0,0 +1,1 @@
+on: push
"""


class Analysing(unittest.TestCase):
    def analyse(self, diff, **options):
        with Host() as host:
            analysis = analyse_diff(Diff(diff, **options))
        self.assertEqual(len(host.lines), 1)
        return analysis

    def test_what_deserves_a_look_is_found_with_its_line(self):
        analysis = self.analyse(DIFF)
        found = [(finding.path, finding.line, finding.rule) for finding in analysis.findings]
        self.assertEqual(
            found,
            [
                ("src/app.js", 4, "access-key"),
                ("src/app.js", 5, "secret"),
                ("src/app.js", 3, "debugging"),
                ("src/app.js", 3, "to-do"),
            ],
        )
        self.assertEqual(
            [(file.path, file.status, file.kind, file.added, file.removed) for file in analysis.files],
            [("src/app.js", "modified", "code", 4, 1), (".github/workflows/ci.yml", "added", "build", 1, 0)],
        )
        self.assertEqual(analysis.risk, "high")

    def test_secrets_are_not_repeated_and_code_is_not_broken_out_of(self):
        analysis = self.analyse(DIFF)
        for secret in (KEY, "x9$kL2pQ7vWz"):
            self.assertNotIn(secret, analysis.summary)
            self.assertNotIn(secret, str(analysis.findings))
        self.assertIn("`` console.log(b); // TODO `later` ``", analysis.summary)

    def test_a_harmless_change_is_of_low_risk(self):
        analysis = self.analyse("--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-a\n+b\n")
        self.assertEqual((analysis.risk, analysis.reasons, analysis.findings), ("low", ["nothing stands out"], []))
        self.assertEqual(self.analyse("").files, [])

    def test_a_large_change_without_tests_is_told(self):
        lines = "".join(f"+x{number} = {number}\n" for number in range(50))
        analysis = self.analyse(f"--- a/a.py\n+++ b/a.py\n@@ -0,0 +1,50 @@\n{lines}", large=50)
        self.assertEqual((analysis.risk, analysis.reasons), ("medium", ["50 added lines", "50 lines of code without a test"]))

    def test_what_is_no_diff_is_the_fault_of_the_input(self):
        for text in ("hello", "--- a/x\n+++ b/x\n@@ -1,5 +1,5 @@\n one\n"):
            with self.assertRaises(TaskError) as raised:
                self.analyse(text)
            self.assertEqual((raised.exception.error_class, raised.exception.code), ("invalid-input", "bad-diff"))


class Comparing(unittest.TestCase):
    def test_the_most_alike_comes_first(self):
        texts = [
            Candidate("1", "The parser crashes on an empty file with a stack overflow"),
            Candidate("2", "Please add a dark theme to the settings page"),
            Candidate("3", "Crash of the parser: stack overflow when the file is empty"),
        ]
        with Host():
            found = find_similar(Texts("Stack overflow in the parser with an empty file", texts))
        self.assertEqual([match.id for match in found.matches], ["1", "3"])
        self.assertIn("overflow", found.matches[0].shared)
        self.assertNotIn("dark", found.keywords)

    def test_nothing_is_like_nothing(self):
        with Host():
            self.assertEqual(find_similar(Texts("", [])).matches, [])
            self.assertEqual(find_similar(Texts("a b", [Candidate("1", "")])).matches, [])


class Declaring(unittest.TestCase):
    def test_the_schemas_come_from_the_types(self):
        task = plugin.manifest()["task_types"]["analyse-diff"]
        self.assertEqual(task["input_schema"]["required"], ["diff"])
        self.assertEqual(task["input_schema"]["properties"]["large"]["default"], 400)
        self.assertEqual(task["summary"], "Says what a diff changes and what in it deserves a second look.")
        self.assertTrue(task["docs"].startswith("Findings are left-over debugging"))
