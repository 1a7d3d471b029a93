"""Makes a component of a plugin's module: `python -m taskloom.build hello.py`.

Checks what the module declares, and puts it together with the Python that goes into components.
"""

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from ._plugin import DeclarationError, Plugin

SDK = Path(__file__).resolve().parent.parent

_WORLD = """package taskloom:sdk;

world with-http {
    include taskloom:plugin/plugin@%s;
    import wasi:http/outgoing-handler@0.2.12;
}
"""


class Told(Exception):
    """What people can put right; told without a stack."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m taskloom.build", description=__doc__)
    parser.add_argument("module", type=Path, help="the plugin's module, a .py file")
    parser.add_argument("--out", type=Path, help="the component; its name has to be the plugin's [default: ./<name>.wasm]")
    parser.add_argument("--wit", type=Path, help="the contract [default: the one beside the SDK]")
    parser.add_argument("--wasi", type=Path, help="the interfaces of WASI [default: those beside the SDK]")
    parser.add_argument("--check", action="store_true", help="only check what the module declares, and print the manifest")
    try:
        build(parser.parse_args())
    except (Told, DeclarationError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def build(arguments: argparse.Namespace) -> None:
    """Does what the command line says."""
    module = arguments.module.resolve()
    if not module.is_file() or module.suffix != ".py":
        raise Told(f"there is no module {arguments.module}: name a .py file")
    name, plugin = _plugin_of(module)
    manifest = plugin.manifest()
    if arguments.check:
        print(json.dumps(manifest, indent=2, ensure_ascii=False))
        return
    out = (arguments.out or Path(f"{plugin.name}.wasm")).resolve()
    if out.name != f"{plugin.name}.wasm":
        raise Told(f'the plugin\'s name is "{plugin.name}", so its file is {plugin.name}.wasm and not {out.name}')
    wit = arguments.wit or _beside("the contract", "--wit", "plugin.wit", [SDK / "wit", SDK / "../../wit/1.0.0"])
    wasi = arguments.wasi or _beside("WASI", "--wasi", "http.wit", [SDK / "wit/deps", SDK / "../rust/wit/deps"])
    out.parent.mkdir(parents=True, exist_ok=True)
    _componentize(module, name, manifest, out, (wit, wasi))
    print(f"{out.name}: {out.stat().st_size / 1e6:.1f} MB, {len(manifest['task_types'])} task types", file=sys.stderr)


def _beside(what: str, option: str, file: str, places: list[Path]) -> Path:
    """Where the interfaces are: in a checkout, or in a project that the host's binary has made."""
    found = next((place for place in places if (place / file).is_file()), None)
    if found is None:
        raise Told(f"{what} is in none of {', '.join(map(str, places))}: name its folder by {option}")
    return found.resolve()


def _plugin_of(module: Path) -> tuple[str, Plugin]:
    """The one plugin of a module, and the name that it has there."""
    loaded = _load(module)
    found = {name: value for name, value in vars(loaded).items() if isinstance(value, Plugin)}
    if len({id(value) for value in found.values()}) != 1:
        what = "no plugin" if not found else f"{len(found)} plugins ({', '.join(found)})"
        raise Told(f'{module.name} has {what}: write `plugin = Plugin("{module.stem}", version="0.1.0")` at its top level')
    return next(iter(found.items()))


def _load(module: Path) -> ModuleType:
    if not module.stem.isidentifier() or module.stem in sys.stdlib_module_names:
        raise Told(f"{module.name}: a module's name is a word that Python does not use itself")
    sys.path.insert(0, str(module.parent))
    sys.dont_write_bytecode = True
    spec = importlib.util.spec_from_file_location(module.stem, module)
    assert spec and spec.loader, "it is a .py file"
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[module.stem] = loaded
    try:
        spec.loader.exec_module(loaded)
    except DeclarationError:
        raise
    except ModuleNotFoundError as error:
        raise Told(f"{module.name}: there is no module {error.name!r}: is it installed in {sys.prefix}?") from None
    except (Exception, SystemExit) as error:
        lines = traceback.format_exception(type(error), error, _own(error, module.parent))
        raise Told(f"{module.name} does not load\n{''.join(lines).rstrip()}") from None
    return loaded


def _own(error: BaseException, folder: Path) -> Any:
    """The traceback from the author's first file on."""
    frames = error.__traceback__
    while frames is not None and not frames.tb_frame.f_code.co_filename.startswith(str(folder)):
        frames = frames.tb_next
    return frames


def _componentize(module: Path, name: str, manifest: dict[str, Any], out: Path, interfaces: tuple[Path, Path]) -> None:
    wit, wasi = interfaces
    contract = manifest["contract"]
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder)
        (stage / "taskloom_entry.py").write_text(
            f"import {module.stem}\nfrom taskloom._component import exports\n\nHandler = exports({module.stem}.{name}, {module.stem}.__file__)\n"
        )
        command = [str(_program()), "--import-interface-name", f"taskloom:plugin/types@{contract}=plugin_types"]
        if "http" in manifest.get("capabilities", {}):
            dependencies = stage / "wit/deps"
            dependencies.mkdir(parents=True)
            (stage / "wit/http.wit").write_text(_WORLD % contract)
            for one in [*wasi.glob("*.wit"), *wit.glob("*.wit")]:
                shutil.copy(one, dependencies)
            command += ["--wit-path", str(stage / "wit"), "--world", "taskloom:sdk/with-http"]
            command += ["--import-interface-name", "wasi:http/types@0.2.12=http_types"]
        else:
            # A plugin that asks for no host does not import HTTP either.
            command += ["--wit-path", str(wit), "--world", "taskloom:plugin/plugin"]
        unfinished = out.with_suffix(".wasm.tmp")
        command += ["componentize", "taskloom_entry", "--output", str(unfinished)]
        for place in (stage, module.parent, SDK):
            command += ["--python-path", str(place)]
        # The packages of the Python that this runs in.
        environment = {**os.environ, "VIRTUAL_ENV": sys.prefix, "PYTHONDONTWRITEBYTECODE": "1", "RUST_BACKTRACE": "0"}
        made = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if made.returncode != 0:
            raise Told(f"the component cannot be made:\n{made.stderr.strip() or made.stdout.strip()}")
        unfinished.replace(out)


def _program() -> Path:
    """componentize-py of the Python that this runs in."""
    program = Path(sys.prefix) / "bin/componentize-py"
    if not program.is_file():
        raise Told(f"componentize-py is not installed in {sys.prefix}: pip install -r {SDK / 'requirements.txt'}")
    return program


if __name__ == "__main__":
    sys.exit(main())
