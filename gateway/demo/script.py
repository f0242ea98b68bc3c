"""What the demo drops and how each file should end: samples/expected.toml as types; nothing here runs anything."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gateway.errors import Fault, SettingsError
from gateway.model import RowState


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Expected(_Part):
    """How a file ends on one route: rows per state, and keys ended or zeroed because a full file left them out."""

    states: dict[RowState, int] = Field(description="Rows per state; a state not named has none.")
    derived: dict[RowState, int] = Field(default_factory=dict, description="Effects without a row, per state.")
    again: dict[RowState, int] | None = Field(
        default=None, description="Rows per state where an earlier demo left its traces; unset: the same."
    )

    once: bool = Field(default=False, description="The route takes no other content: a duplicate in the next demo.")

    def repeated(self) -> Self:
        """Return what is expected of a demo that is not the first."""
        return self if self.again is None else self.model_copy(update={"states": self.again})


class Sample(_Part):
    """One file to drop."""

    file: Path = Field(description="Path below samples/.")
    source: str = Field(description="Name of the source it is dropped to.")
    act: int = Field(
        default=1, ge=1, description="Files of one act are dropped together; the next waits for their end."
    )
    about: str = Field(description="What is special about it.")
    refused: str | None = Field(default=None, description="Issue code, where the file is refused as a whole.")
    routes: dict[str, Expected] = Field(default_factory=dict, description="How it ends, per route.")
    once: bool = Field(default=False, description="Its routes take no other content: the next demo drops a duplicate.")

    def repeated(self) -> Self:
        """Return what is expected of a demo that is not the first."""
        if self.once:
            return self.model_copy(update={"refused": "FILE_DUPLICATE", "routes": {}})
        routes = {name: one.repeated() for name, one in self.routes.items() if not one.once}
        return self.model_copy(update={"routes": routes})

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if (self.refused is None) == (not self.routes):
            msg = "say either refused or routes"
            raise ValueError(msg)
        return self


class Shop(_Part):
    """What the marketplace's twin starts with, and what is looked at."""

    offers: Path = Field(description="CSV below samples/: sku, quantity.")
    stores: Path = Field(description="CSV below samples/: sku, quantity; what every store of the chain lists.")
    shown: tuple[str, ...] = Field(description="Articles whose stock the demo shows.")
    bought: dict[str, int] = Field(description="Units that buyers take between the first two acts.")
    ranged: dict[str, str] = Field(
        description="Articles of the new range the demo shows, and what Sage calls them: product and variant values."
    )


class Script(_Part):
    """The whole demo."""

    shop: Shop
    files: tuple[Sample, ...] = Field(min_length=1)

    @property
    def acts(self) -> list[list[Sample]]:
        """Files by act, in order."""
        return [[one for one in self.files if one.act == act] for act in sorted({one.act for one in self.files})]


def load_script(samples: Path) -> Script:
    """Read expected.toml of a samples folder. Raises SettingsError."""
    path = samples / "expected.toml"
    try:
        return Script.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise SettingsError(
            [Fault(str(path), "the file can't be read")], fix="Run the demo in the project's folder."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([Fault(str(path), f"this is not TOML: {error}")]) from error
    except ValidationError as error:
        faults = [Fault(str(path), f"{'.'.join(map(str, e['loc']))}: {e['msg']}") for e in error.errors()]
        raise SettingsError(faults) from error


def load_offers(path: Path) -> dict[str, int]:
    """Return quantity per sku of a `sku,quantity` file."""
    lines = path.read_text("utf-8").splitlines()[1:]
    pairs = (line.rsplit(",", 1) for line in lines if line)
    return {sku: int(quantity) for sku, quantity in pairs}
