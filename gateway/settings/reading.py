"""Turns TOML and pydantic's complaints into faults with file, line and the nearest right word; resolves secrets."""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError

from gateway.errors import Fault, SettingsError
from gateway.formats.sections import complaint, mistyped, no_toml, section_of, toml_fault, unfit
from gateway.mapping.lines import key_lines

_T = TypeVar("_T", bound=BaseModel)
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]{0,15}(_[A-Z0-9]{1,16}){1,7}")
_FILE = re.compile(r"[\w.-]{1,40}\.[A-Za-z]{2,5}")
"""Names that are shown where nothing goes by them: what looks otherwise may be the secret itself, pasted there."""
_PASTED = "; what stands there is not shown, as it may be the secret itself, which belongs into"


class Document:
    """A TOML file with its lines and the faults found so far.

    `secrets` False: references are judged by their form, and words that are no secrets stand in their place.
    """

    def __init__(self, path: Path, *, secrets: bool = True) -> None:
        self.path = path
        self.faults: list[Fault] = []
        self.secret_files: list[Path] = []
        self._secrets = secrets
        self._lines: dict[tuple[str, ...], int] = {}
        self.data: dict[str, Any] = {}
        try:
            text = path.read_text("utf-8-sig")  # Windows' Notepad begins a file with a byte order mark
            self.data = tomllib.loads(text)
            self._lines = key_lines(text)
        except FileNotFoundError as error:
            raise SettingsError(
                [Fault(str(path), "the file does not exist")], fix="Name it with --config, or run: gateway init DIR"
            ) from error
        except OSError as error:
            raise SettingsError([Fault(str(path), f"the file can't be read: {error.strerror}")]) from error
        except UnicodeDecodeError as error:
            said = f"the file is not UTF-8 (byte {error.start + 1})"
            raise SettingsError([Fault(str(path), said)], fix="Save it as UTF-8.") from error
        except RecursionError as error:
            raise SettingsError([Fault(str(path), no_toml(error))]) from error
        except ValueError as error:  # faults of TOML are ValueErrors
            raise SettingsError([toml_fault(str(path), error)], fix="Mend the line.") from error

    def fault(self, keys: Iterable[str], message: str) -> None:
        """Note a fault at the line of a key, or of the nearest table above it."""
        path = tuple(keys)
        line = _nearest(self._lines, path)
        place = f"{self.path}:{line}" if line is not None else str(self.path)
        name = ".".join(path)
        self.faults.append(Fault(place, f"{name}: {message}" if name else message))

    def take(self, keys: tuple[str, ...], fault: Fault) -> None:
        """Note a fault that somebody found in the table of `keys`, or in a file it names, with its line."""
        if fault.where in {"", "settings"}:
            self.fault((*keys, *fault.keys), fault.message)
        elif fault.keys:
            line = _line(Path(fault.where), fault.keys)
            place = fault.where if line is None else f"{fault.where}:{line}"
            self.faults.append(Fault(place, f"{'.'.join(fault.keys)}: {fault.message}"))
        else:
            self.faults.append(fault)

    def section(self, keys: tuple[str, ...], data: Mapping[str, Any], model: type[_T]) -> _T | None:
        """Validate one table; None when it has faults, which are noted, each once."""
        before = len(self.faults)
        resolved, noted = self._with_secrets(keys, data, model)
        for place, message in (*unfit(data), *mistyped(model, data)):
            if not _lies_in(place, noted):
                self.fault((*keys, *place), message)
                noted.append(place)
        try:
            made = model.model_validate(resolved)
        except ValidationError as error:
            for one in error.errors(include_url=False, include_input=False):
                # Pydantic marks a table's key that is at fault itself.
                loc = tuple(str(part) for part in one["loc"] if part != "[key]")
                if not loc or not any(loc[: len(place)] == place[: len(loc)] for place in noted):
                    self.fault((*keys, *loc), complaint(model, {**one, **_written(data, one["loc"])}))
            return None
        for place, message in unfit(made):  # numbers in quotes are read too
            if not _lies_in(place, noted):
                self.fault((*keys, *place), message)
        return made if len(self.faults) == before else None

    def _with_secrets(
        self, keys: tuple[str, ...], data: Mapping[str, Any], model: type[BaseModel]
    ) -> tuple[dict[str, Any], list[tuple[str, ...]]]:
        """Return a table with its secrets in the place of their references, and where they are wrong."""
        resolved, wrong = dict(data), []

        def put(table: dict[str, Any], *place: str) -> None:
            before = len(self.faults)
            table[place[-1]] = self._secret((*keys, *place), table[place[-1]])
            if len(self.faults) > before:
                wrong.append(place)

        for name in secret_fields(model) & resolved.keys():
            put(resolved, name)
        for name in secret_tables(model) & resolved.keys():
            if isinstance(resolved[name], dict):
                resolved[name] = dict(resolved[name])
                for use in resolved[name]:
                    put(resolved[name], name, use)
        for name, inner in secret_sections(model).items():
            if isinstance(resolved.get(name), dict):
                resolved[name] = dict(resolved[name])
                for key in secret_fields(inner) & resolved[name].keys():
                    put(resolved[name], name, key)
        return resolved, wrong

    def _secret(self, keys: tuple[str, ...], value: Any) -> str | None:
        if not (isinstance(value, dict) and len(value) == 1 and {"env", "file"} & value.keys()):
            self.fault(keys, 'a secret stands by reference only: { env = "NAME" } or { file = "path" }')
            return None
        if not self._secrets:
            # Each another: two keys of one shop are two accounts.
            return f"not-read-{hashlib.sha256(repr(keys).encode()).hexdigest()[:16]}"
        if "env" in value:
            name = str(value["env"])
            found = os.environ.get(name)
            if found is None or found == "":
                shown = found == "" or _VARIABLE.fullmatch(name) is not None
                said = f"the environment variable {name} is not set" if shown else (
                    f"there is no environment variable of the name that `env` gives{_PASTED} a variable with a name "
                    "like SHOP_API_KEY"
                )  # fmt: skip
                self.fault(keys, said)
            else:
                self._one_line(keys, found, f"the environment variable {name}")
            return found
        named = str(value["file"])
        file = self.path.parent / named
        self.secret_files.append(file)
        try:
            found = file.read_text("utf-8").strip()
        except UnicodeDecodeError:  # its message would repeat the secret
            self.fault(keys, f"the secret's file is not UTF-8 text: {file}")
            return None
        except (OSError, ValueError) as error:
            shown = _FILE.fullmatch(named) is not None or _is_below_a_folder(file, named)
            where = f": {file}" if shown else f" that `file` names{_PASTED} a file of its own"
            self.fault(keys, f"the secret's file can't be read{where}: {getattr(error, 'strerror', None) or error}")
            return None
        if not found:
            self.fault(keys, f"the secret's file is empty: {file}")
        self._one_line(keys, found, f"the secret's file {file}")
        return found

    def _one_line(self, keys: tuple[str, ...], secret: str, place: str) -> None:
        """Note a fault where a secret could stand in no header and no login: it is never shown itself."""
        signs = [number for number, sign in enumerate(secret, start=1) if ord(sign) < 32 or ord(sign) == 127]
        if not signs:
            return
        lines = len(secret.splitlines())
        found = f"{lines} lines" if lines > 1 else f"an unprintable character at place {signs[0]}"
        self.fault(keys, f"{place} holds {found}, expected the secret alone, in one line")


def _lies_in(place: tuple[str, ...], noted: Iterable[tuple[str, ...]]) -> bool:
    """Whether a place is one of those that were noted, or lies within one."""
    return any(place[: len(one)] == one for one in noted)


def _written(data: Any, loc: Iterable[Any]) -> dict[str, Any]:
    """Return what the file itself has at a place, as `input`: there secrets are references, which are not shown."""
    here = data
    for part in loc:
        try:
            here = here[part]
        except (KeyError, IndexError, TypeError):
            return {}
    return {"input": here}


def _is_below_a_folder(file: Path, named: str) -> bool:
    """Whether the path of a file that is not there names a folder that is."""
    try:
        return "/" in named and file.parent.is_dir()
    except (OSError, ValueError):
        return False


def _nearest(lines: Mapping[tuple[str, ...], int], path: tuple[str, ...]) -> int | None:
    """Return the line of a key, or of the nearest table above it; of one that only has tables below it, the first."""
    known = (lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines)
    below = (line for key, line in lines.items() if path and key[: len(path)] == path)
    return next(known, None) or min(below, default=None)


def _line(path: Path, keys: tuple[str, ...]) -> int | None:
    """Return the line of a key in a file of somebody else's; None where it can't be read."""
    try:
        return _nearest(key_lines(path.read_text("utf-8")), keys)
    except (OSError, ValueError):
        return None


def secret_fields(model: type[BaseModel]) -> set[str]:
    """Names of the fields of a model that hold secrets."""
    return {
        name
        for name, info in model.model_fields.items()
        if get_origin(info.annotation) is not dict
        and (info.annotation is SecretStr or SecretStr in get_args(info.annotation))
    }


def secret_tables(model: type[BaseModel]) -> set[str]:
    """Names of the fields of a model that hold several secrets by name."""
    tables = {name: info.annotation for name, info in model.model_fields.items() if get_origin(info.annotation) is dict}
    return {name for name, annotation in tables.items() if get_args(annotation)[1] is SecretStr}


def secret_sections(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """Fields of a model that are tables of their own with secrets in them, and the models of these."""
    inner = {name: section_of(info.annotation) for name, info in model.model_fields.items()}
    return {name: one for name, one in inner.items() if one is not None and secret_fields(one)}
