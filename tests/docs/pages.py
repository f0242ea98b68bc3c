"""What the docs say that the program knows: its tables. `python tests/docs/pages.py` writes them anew."""

from __future__ import annotations

import re
import tomllib
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from gateway.cli.session import Exit
from gateway.destinations import destinations
from gateway.destinations.sellerscommerce import enums
from gateway.destinations.sellerscommerce.bodies import load as shipped_bodies
from gateway.destinations.sellerscommerce.pushing import FORMS
from gateway.formats.layout import CsvLayout, ImageLayout, JsonLayout, XlsxLayout, XmlLayout
from gateway.formats.sections import entries_of, section_of
from gateway.issues import CATALOGUE
from gateway.model import STATES, Operation
from gateway.reports import errors_writer
from gateway.reports.page import MEANING
from gateway.routes import DeltaRules, GuardLimits, Policy, SetRules
from gateway.settings.model import GatewaySettings, LocalSettings, RouteSettings, SftpSettings, WebSettings
from gateway.settings.reading import secret_fields, secret_tables

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"

LAYOUTS = (CsvLayout, XlsxLayout, XmlLayout, JsonLayout, ImageLayout)

ISSUES = """# Issue codes

This page is written by the program from its catalogue; edit the catalogue, not the page.

A code never changes its meaning. An *error* stops the row (a `FILE_` code: the file), a *warning* alone never does. In
the sentences `{field}`, `{value}` and `{detail}` stand for what was found.
"""

SETTINGS = """# Settings

This page is written by the program from the models that read `gateway.toml`; edit the models, not the page.
`gateway schema settings` and `gateway schema mapping` print the same as JSON Schema, for editors.

Paths are relative to the file. A secret stands by reference only: `{ env = "NAME" }` or `{ file = "path" }`. A setting
the program does not know is a fault, with the nearest right word.
"""

FILE_KINDS = (
    ("FILE_", "The file as a whole"),
    ("ROW_", "Records as they stand in the file"),
    ("CELL_", "Cells of spreadsheets"),
    ("MAP_", "Mapping"),
    ("DEST_", "The destination"),
    ("", "Contract, route and delivery"),
)
"""Beginnings of codes and the heading they stand under; the last takes what is left."""


def documents() -> list[Path]:
    """Every page people read."""
    return [README, ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


# ---------------------------------------------------------------- tables


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(header)
    lines = [head, ["---"] * len(head), *(list(row) for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def exits() -> str:
    return table(("Exit code", "Says"), ((str(int(code)), code.meaning) for code in Exit))


def states() -> str:
    final = {True: "yes", False: "no"}
    return table(
        ("State", "What became of the row", "Final"),
        ((f"`{state}`", MEANING[state], final[state.final]) for state in STATES),
    )


def formats() -> str:
    examples: dict[type[BaseModel], dict[str, str]] = {
        CsvLayout: {"delimiter": ",", "encoding": "utf-8"},
        XmlLayout: {"record": "a/b"},
    }
    rows = []
    for layout in LAYOUTS:
        (kind,) = get_args(layout.model_fields["kind"].annotation)
        made = layout.model_validate({"kind": kind, **examples.get(layout, {})})
        keys = ", ".join(f"`{name}`" for name in layout.model_fields if name != "kind")
        rows.append((f"`{kind}`", (layout.__doc__ or "").rstrip("."), keys, f"`{errors_writer(made).kind}`"))
    return table(("`kind`", "What", "Said of it in `[format]`", "Failed rows come back as"), rows)


def example_of(name: str) -> dict[str, Any]:
    """The settings that the page of a destination shows."""
    block = re.search(r"```toml\n(.*?)```", (DOCS / "destinations" / f"{name}.md").read_text("utf-8"), re.DOTALL)
    assert block is not None, name
    ((_, settings),) = tomllib.loads(block[1])["destinations"].items()
    assert settings.pop("kind") == name
    return settings


def operations_of(name: str) -> tuple[Operation, ...]:
    spec = destinations()[name].SPEC
    settings = example_of(name)
    for secret in secret_fields(spec.settings) & settings.keys():
        settings[secret] = "planted"
    for table_ in secret_tables(spec.settings) & settings.keys():
        settings[table_] = dict.fromkeys(settings[table_], "planted")
    return spec.operations(spec.settings.model_validate(settings))


def _seconds(value: float) -> str:
    return "none" if value == 0 else f"{value / 3600:g} h" if value >= 3600 else f"{value:.3g} s"


def targets() -> str:
    """One line per destination: what it takes, and what a row becomes there."""
    rows = []
    for name in destinations():
        families: dict[str, list[str]] = {}
        for one in operations_of(name):
            families.setdefault(one.contract, []).append(one.family)
        spec = destinations()[name].SPEC
        effects = "; ".join(f"{contract}: {', '.join(dict.fromkeys(of))}" for contract, of in families.items())
        rows.append((f"[`{name}`](docs/destinations/{name}.md)", spec.title, effects.replace("*:", "any contract:")))
    return table(("`kind`", "What", "Contract: effects of a row"), rows)


def operations_page() -> str:
    return f"{OPERATIONS}\n{operations_table()}"


def operations_table() -> str:
    rows = [
        (
            f"[`{name}`]({name}.md)",
            f"{one.contract}: {one.name}",
            one.confirms,
            one.repeat.replace("_", " "),
            "yes" if one.searchable else "no",
            "all" if one.batch_size is None else f"{one.batch_size:,}",
            _seconds(one.interval),
            _seconds(one.deadline),
            "yes" if one.drifts else "no",
        )
        for name in destinations()
        for one in operations_of(name)
    ]
    header = (
        "`kind`", "Contract: operation", "Confirms", "Repeat", "Searchable", "Records per call", "Between calls",
        "Deadline", "Drifts",
    )  # fmt: skip
    return table(header, rows)


OPERATIONS = """# What each destination writes

A row of a contract has one effect per family a destination writes of it; the route's `effects` names fewer.

*Confirms*: the best a row can end as. *Repeat*: what sending a batch twice does. *Searchable*: whether a lost call can
be looked up. *Deadline*: after it rows without an answer end `accepted` (a later answer still corrects them). *Drifts*:
the value moves without us (sales lower stock), so an equal row is sent again unless the route sets
`delta.unchanged_for`.
"""


def pushed_tables() -> str:
    """Tables that people push to Sellers Commerce: what each has, what of it is needed, what enumerations take."""
    bodies, rows = shipped_bodies(None), []
    for name, body in FORMS.items():
        parts = [bodies[body], *([bodies[bodies[body].items]] if bodies[body].items else [])]
        members = {one.source: one for part in parts for one in part.members if one.source not in {"", "items"}}
        told = (
            f"{'**' if one.required else ''}`{source}`{'**' if one.required else ''}"
            + (f" ({one.enum})" if one.enum else "")
            for source, one in members.items()
        )
        rows.append((f"`{name}`", ", ".join(told)))
    return table(("Table", "Columns; bold: needed; in brackets: the enumeration it takes"), rows)


def enumerations() -> str:
    """Enumerations that a pushed table takes; services by their carrier."""
    bodies = shipped_bodies(None)
    parts = [part for body in FORMS.values() for part in (body, bodies[body].items) if part]
    used = dict.fromkeys(one.enum for part in parts for one in bodies[part].members if one.enum)
    rows = [(f"`{name}`", enums.taken(name)) for name in used if name != "ServiceTypeId"]
    rows += [(f"`ServiceTypeId` of {enums.name_of('CarrierId', one)}", enums.services(one)) for one in enums.CARRIERS]
    return table(("Enumeration", "Takes a name or its id"), rows)


# ---------------------------------------------------------------- whole pages


def issues_page() -> str:
    left = dict(CATALOGUE)
    parts = [ISSUES]
    for start, title in FILE_KINDS:
        kinds = [left.pop(code) for code in list(left) if code.startswith(start)]
        rows = ((f"`{kind.code}`", kind.severity, kind.text, kind.fix) for kind in kinds)
        parts.append(f"## {title}\n\n{table(('Code', 'Weight', 'Says', 'What to do'), rows)}")
    return "\n".join(parts)


def settings_page() -> str:
    parts = [
        SETTINGS,
        "## The top of the file\n",
        settings_table(GatewaySettings),
        "## `[web]`\n",
        'See [operating.md](operating.md), "Being told by webhooks".\n',
        settings_table(WebSettings),
        '## `[sources.NAME]`, `kind = "local"`\n',
        settings_table(LocalSettings),
        '## `[sources.NAME]`, `kind = "sftp"`\n',
        settings_table(SftpSettings),
        "## `[destinations.NAME]`\n",
        "`kind` names one of the destinations; the other settings are on its page: "
        + ", ".join(f"[`{name}`](destinations/{name}.md)" for name in destinations())
        + ".\n",
        *nested_tables(),
        "## `[routes.NAME]`\n",
        settings_table(RouteSettings),
        "### `policy`\n",
        settings_table(Policy),
        "### `set`\n",
        'Said like `set = { quiet = 30 }`; see [operating.md](operating.md), "Files that belong together".\n',
        settings_table(SetRules),
        "### `delta`\n",
        settings_table(DeltaRules),
        "### `guard`\n",
        settings_table(GuardLimits),
        "## `[format]` of a mapping\n",
        "The rest of a mapping is described in [mapping.md](mapping.md).\n",
    ]
    for layout in LAYOUTS:
        (kind,) = get_args(layout.model_fields["kind"].annotation)
        parts += [f'### `kind = "{kind}"`: {(layout.__doc__ or "").rstrip(".")}\n', settings_table(layout)]
    return "\n".join(parts)


def nested() -> list[tuple[str, str, type[BaseModel]]]:
    """Tables inside settings of destinations: kind, key and the model of the table or of its entries."""
    return [
        (kind, key, model)
        for kind, made in destinations().items()
        for key, field in made.SPEC.settings.model_fields.items()
        if (model := entries_of(field.annotation) or section_of(field.annotation)) is not None
    ]


def nested_tables() -> list[str]:
    parts = []
    for kind, key, model in nested():
        parts += [
            f'### `{key}` of `kind = "{kind}"`\n',
            f"Keys of each entry, said like `{key} = {{ NAME = {{ ... }} }}`.\n",
            settings_table(model),
        ]
    return parts


def settings_table(model: type[BaseModel]) -> str:
    rows = [
        (f"`{name}`", _type(field.annotation), _default(field), field.description or "")
        for name, field in model.model_fields.items()
        if name != "kind"
    ]
    return table(("Setting", "Takes", "Default", "Means"), rows)


_WORDS: dict[Any, str] = {
    str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path", SecretStr: "secret"
}  # fmt: skip


def _type(annotation: Any) -> str:
    if get_origin(annotation) is Annotated:
        return _type(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{word}`" for word in get_args(annotation))
    if get_origin(annotation) in {types.UnionType, Union}:
        return " or ".join(_type(one) for one in get_args(annotation) if one is not type(None))
    if get_origin(annotation) is tuple:
        return "list of texts"
    if get_origin(annotation) is dict:
        return "table"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table, see below"
    return _WORDS[annotation]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**needed**"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or isinstance(value, BaseModel) or value in ({}, (), ""):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


# ---------------------------------------------------------------- writing

BLOCKS: dict[Path, dict[str, Callable[[], str]]] = {
    README: {"formats": formats, "destinations": targets, "exit codes": exits},
    DOCS / "operating.md": {"states": states, "exit codes": exits},
    DOCS / "destinations" / "sellerscommerce.md": {"pushed tables": pushed_tables, "enumerations": enumerations},
}
PAGES: dict[Path, Callable[[], str]] = {
    DOCS / "destinations" / "README.md": operations_page,
    DOCS / "issues.md": issues_page,
    DOCS / "settings.md": settings_page,
}


def with_blocks(text: str, blocks: dict[str, Callable[[], str]]) -> str:
    """The text with each block between its marks written anew."""
    for name, make in blocks.items():
        mark = re.compile(rf"(<!-- made: {name} -->\n)(.*?)(<!-- end -->)", re.DOTALL)
        assert len(mark.findall(text)) == 1, f"the marks of the block {name!r} stand once"
        made = make()
        text = mark.sub(lambda found, made=made: f"{found[1]}\n{made}\n{found[3]}", text)
    return text


def write() -> None:
    for path, make in PAGES.items():
        path.write_text(make(), "utf-8")
    for path, blocks in BLOCKS.items():
        path.write_text(with_blocks(path.read_text("utf-8"), blocks), "utf-8")


if __name__ == "__main__":
    write()
