"""Runs the tests of the SDK and of its examples, and counts them as cargo does."""

import sys
import unittest
from pathlib import Path

SDK = Path(__file__).resolve().parent.parent


def main() -> int:
    sys.path.insert(0, str(SDK))
    suite = unittest.TestSuite()
    for folder in [SDK / "tests", *sorted((SDK / "examples").iterdir())]:
        # Each folder by a loader of its own: an example is a project of its own.
        suite.addTests(unittest.TestLoader().discover(str(folder), pattern="test_*.py", top_level_dir=str(folder)))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(suite)
    failed = len(result.failures) + len(result.errors)
    passed = result.testsRun - failed - len(result.skipped)
    word = "ok" if failed == 0 else "FAILED"
    print(f"test result: {word}. {passed} passed; {failed} failed; {len(result.skipped)} ignored; 0 measured")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
