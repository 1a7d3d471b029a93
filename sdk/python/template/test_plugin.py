"""Tests without a host: `.venv/bin/python -m unittest`, after `taskloom plugin build`."""

import sys
import unittest

sys.path.insert(0, "taskloom/sdk/python")

from plugin import plugin  # noqa: E402
from taskloom.testing import Host  # noqa: E402


class Greet(unittest.TestCase):
    def test_a_greeting_names_whom_it_greets(self) -> None:
        host = Host()
        output = host.execute(plugin, "greet", {"name": "Ada", "times": 2})
        self.assertEqual(output, {"text": "Hello, Ada! Hello, Ada!"})
        self.assertEqual(len(host.lines), 1)


if __name__ == "__main__":
    unittest.main()
