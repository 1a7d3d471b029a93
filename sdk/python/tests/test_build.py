"""What the build says of modules that are no plugins. None of it makes a component, so it is quick."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SDK = Path(__file__).resolve().parent.parent

DECLARED = """
from typing import Any
from taskloom import Plugin
plugin = Plugin("hello", version="1.0.0")
@plugin.task
def greet(input: Any) -> Any:
    return input
"""


def build(source: str, *options: str, name: str = "hello.py") -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder) / name
        module.write_text(source)
        command = [sys.executable, "-m", "taskloom.build", str(module), *(options or ["--check"])]
        made = subprocess.run(command, cwd=SDK, capture_output=True, text=True, check=False)
        assert [one.name for one in Path(folder).iterdir()] == [name], "nothing stays behind"
        return made


class Building(unittest.TestCase):
    def test_a_module_is_checked_and_its_manifest_shown(self):
        made = build(DECLARED)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertEqual(list(json.loads(made.stdout)["task_types"]), ["greet"])

    def test_what_is_wrong_is_said_with_what_to_do_about_it(self):
        for source, name, expected in [
            ("a = 1", "hello.py", 'hello.py has no plugin: write `plugin = Plugin("hello", version="0.1.0")`'),
            (DECLARED + 'other = Plugin("x", version="1.0.0")', "hello.py", "hello.py has 2 plugins (plugin, other)"),
            ("import nothing_like_this", "hello.py", "there is no module 'nothing_like_this': is it installed in"),
            ("def (", "hello.py", "SyntaxError"),
            (DECLARED + "1 / 0", "hello.py", "ZeroDivisionError: division by zero"),
            ("from taskloom import log\nlog.info('too early')", "hello.py", "code outside of its handlers cannot ask the host"),
            (DECLARED.replace("1.0.0", "1"), "hello.py", "version: is '1'"),
            (DECLARED, "json.py", "json.py: a module's name is a word that Python does not use itself"),
            (DECLARED, "my-plugin.py", "my-plugin.py: a module's name is a word"),
        ]:
            made = build(source, name=name)
            self.assertEqual(made.returncode, 1, source)
            self.assertIn(expected, made.stderr)
            self.assertNotIn("importlib", made.stderr)

    def test_the_file_has_the_name_of_the_plugin(self):
        made = build(DECLARED, "--out", "other.wasm")
        self.assertIn('the plugin\'s name is "hello", so its file is hello.wasm and not other.wasm', made.stderr)
