"""A JSON object in a file, each value asked for by its key and its type."""

from __future__ import annotations

import json
from typing import Any

from ..errors import Error, describe
from ..rules import integer
from . import strict_json
from .reading import File, Path

LARGEST_JSON = 16 << 20  # bytes
MOST_VALUES = 1 << 20  # commas or brackets, each of which can cost a hundred bytes of memory


class Section:
    """An object in a JSON file, which knows its own place for the messages: `tokenizer.json: model.vocab`."""

    def __init__(self, path: Path, values: Any, key: str = "") -> None:
        self.path, self._key = path, key
        if not isinstance(values, dict):
            raise self.error("", "an object", values)
        self.values: dict[str, Any] = values

    def error(self, key: str, expected: str, got: object) -> Error:
        """The error to raise for the value of a key of this object: `<file>: <key>: expected <...>, got <...>`."""
        return Error(f"expected {expected}, got {describe(got)}", at=self.path, key=self.inner(key))

    def inner(self, key: str) -> str:
        """The key with those of the objects around it: `model.vocab`."""
        return ".".join(filter(None, (self._key, key)))

    def section(self, key: str) -> Section:
        """The object under a key."""
        return Section(self.path, self.values.get(key), self.inner(key))

    def flag(self, key: str, default: bool) -> bool:
        """The truth value under a key; `default` where there is none, or null."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.error(key, "true or false", value)
        return value

    def optional_flag(self, key: str) -> bool | None:
        """The truth value under a key; None where there is none, or null."""
        return None if self.values.get(key) is None else self.flag(key, False)

    def text(self, key: str, default: str) -> str:
        """The string under a key; `default` where there is none, or null."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.error(key, "a string", value)
        return value

    def count(self, key: str, default: int) -> int:
        """The integer of at least 1 under a key; `default` where there is none, or null."""
        value = self.values.get(key)
        if value is None:
            return default
        integer(1).check(self.inner(key), value, at=self.path)
        return int(value)

    def require(self, key: str, expected: bool | str, default: bool | str | None = None) -> None:
        """An error unless the value under a key (`default` where there is none) is the one supported value."""
        value = self.values.get(key, default)
        if value != expected or isinstance(value, bool) != isinstance(expected, bool):
            raise self.error(key, json.dumps(expected), value)


def read_json_object(path: Path, largest: int = LARGEST_JSON, most_values: int = MOST_VALUES) -> Section:
    """The object that is the whole of a JSON file. Error: the file is too large, or no strict JSON, or no object."""
    with File(path) as file:
        if file.size > largest:
            raise file.error(f"expected at most {largest} bytes of JSON, got {file.size}")
        data = file.read_at(0, file.size)
        if any(data.count(sign) > most_values for sign in (b",", b"[", b"{")):
            raise file.error(f"expected at most {most_values} values, got more")
        return Section(path, strict_json.load(data, path, largest))
