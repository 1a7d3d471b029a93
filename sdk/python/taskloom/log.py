"""The attempt's log: `log.info("fetched", pages=3)`. What is printed or sent to `logging` becomes lines too."""

import logging
from typing import Any

from ._host import host


def trace(message: str, **fields: Any) -> None:
    host().log("trace", message, fields)


def debug(message: str, **fields: Any) -> None:
    host().log("debug", message, fields)


def info(message: str, **fields: Any) -> None:
    host().log("info", message, fields)


def warn(message: str, **fields: Any) -> None:
    host().log("warn", message, fields)


def error(message: str, **fields: Any) -> None:
    host().log("error", message, fields)


class Lines(logging.Handler):
    """Hands records of `logging` to the attempt's log."""

    def emit(self, record: logging.LogRecord) -> None:
        levels = [(logging.ERROR, error), (logging.WARNING, warn), (logging.INFO, info), (0, debug)]
        line = next(line for least, line in levels if record.levelno >= least)
        line(self.format(record), logger=record.name)
