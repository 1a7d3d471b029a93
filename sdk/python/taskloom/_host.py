"""What the SDK asks its host: the real one in a component, a stand-in in a unit test."""

from typing import Any

_connected: Any = None


def connect(host: Any) -> Any:
    """Answers everything from now on by `host`; gives the one that did before."""
    global _connected
    before, _connected = _connected, host
    return before


def host() -> Any:
    """The host that answers now."""
    if _connected is None:
        raise RuntimeError(
            "there is no host here. In a unit test, `from taskloom.testing import Host` and call the handler in "
            "`with Host():`. While a plugin is built, code outside of its handlers cannot ask the host anything."
        )
    return _connected
