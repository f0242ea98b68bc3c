"""A record element to cells: which column each element, repeated element and attribute is; it reads no files.

Columns: `tag`, `parent/tag`, `@attribute`, `tag/@attribute`; from the second on, a repeated element is `tag[2]`,
`tag[3]`, and `tag[1]` is the first, on purpose; `.` is the record's own text. An element with elements and text of its
own is its whole text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from gateway.formats.layout import ERROR_NAMESPACE
from gateway.formats.xml_names import Names, occurrence_of

OWN_TEXT = "."
Cells = list[str | None]
Link = tuple[str | None, int | None]
"""Run and row of the file that an error of ours names."""
Repeated = tuple[int, str, int]
"""Of elements of which only the first is read: a cell read from it, their path, how many there are."""

_NOTHING = -1
_SHAPES, _FEW = 1_000, 200
"""How many shapes are remembered, and of how many children at most."""
_SHORT_LINES = 65535
_ERROR = f"{{{ERROR_NAMESPACE}}}error"


@dataclass(frozen=True, slots=True)
class Shape:
    """Where among an element's children stands what is wanted.

    `texts`: the child's place from 0 and the cell of its text; `parts`: its place and its plan, where more than its
    text is wanted. `again`: elements that stand there several times though the plan reads the first without saying so.
    """

    texts: tuple[tuple[int, int], ...]
    parts: tuple[tuple[int, Plan], ...]
    again: tuple[Repeated, ...] = ()


@dataclass(slots=True)
class Plan:
    """What is wanted of one element: `cell` for its text, `attributes` by name, `children` by name and occurrence."""

    path: str = ""
    cell: int = -1
    attributes: dict[str, int] = field(default_factory=dict)
    children: dict[str, dict[int, Plan]] = field(default_factory=dict)
    by_key: dict[object, int] = field(default_factory=dict)
    """By the attribute as the document writes it: its cell or _NOTHING."""
    has_errors: bool = False
    """Whether error elements of ours were met among the children of such an element."""
    numbered: set[str] = field(default_factory=set)
    """Children wanted by number, like `tag[2]`: that there are several of them is known."""
    repeated: list[Repeated] = field(default_factory=list)
    """What `fill` met of elements that are wanted without a number and stand there several times; of all inner plans,
    too."""
    _shapes: dict[tuple[str, ...], Shape] = field(default_factory=dict)
    _tags: list[str] = field(default_factory=list)
    _shape: Shape = Shape((), ())
    """Of the element looked at last: the next one is built like it as a rule."""

    def add(self, path: str, cell: int) -> None:
        """Want the column `path`, relative to this element, in cell number `cell`."""
        node = self
        for step in path.split("/") if path != OWN_TEXT else ():
            if step.startswith("@"):
                node.attributes[step[1:]] = cell
                return
            name, occurrence = occurrence_of(step)
            if step != name:
                node.numbered.add(name)
            inner = Plan(f"{node.path}/{step}" if node.path else step, repeated=self.repeated)
            node = node.children.setdefault(name, {}).setdefault(occurrence, inner)
        node.cell = cell

    @property
    def first_cell(self) -> int:
        """The first of the cells filled from this element."""
        inner = [one.first_cell for numbers in self.children.values() for one in numbers.values()]
        return min(cell for cell in (self.cell, *self.attributes.values(), *inner) if cell >= 0)

    def shape(self, tags: list[str], names: Names) -> Shape:
        """Return where what is wanted stands in an element whose children have these tags."""
        if tags != self._tags:
            self._shape = self._shapes.get(tuple(tags)) or self._worked_out(tags, names)
            self._tags = tags
        return self._shape

    def _worked_out(self, tags: list[str], names: Names) -> Shape:
        texts: list[tuple[int, int]] = []
        parts: list[tuple[int, Plan]] = []
        seen: dict[str, int] = {}
        for at, tag in enumerate(tags):
            name = names[tag]
            if name is None or name not in self.children:
                self.has_errors = self.has_errors or tag == _ERROR
                continue
            # By the name, not by the tag: elements of one name may be written with several namespaces.
            seen[name] = number = seen.get(name, 0) + 1
            part = self.children[name].get(number)
            if part is None:
                continue
            if part.children or part.attributes:
                parts.append((at, part))
            else:
                texts.append((at, part.cell))
        again = ((name, number) for name, number in seen.items() if number > 1 and name not in self.numbered)
        shape = Shape(tuple(texts), tuple(parts), tuple(self._again(name, number) for name, number in again))
        if len(tags) <= _FEW and len(self._shapes) < _SHAPES:
            self._shapes[tuple(tags)] = shape
        return shape

    def _again(self, name: str, number: int) -> Repeated:
        first = self.children[name][1]
        return first.first_cell, first.path, number

    def meet_attribute(self, key: object, names: Names) -> int:
        """Enter an attribute into `by_key` and return its entry."""
        cell = self.by_key[key] = self.attributes.get(names[str(key)] or "", _NOTHING)
        return cell


def fill(element: etree._Element, plan: Plan, cells: Cells, names: Names) -> None:
    """Put what the plan wants of the element into `cells`; what is absent stays None, what is empty is ""."""
    inner = len(element)
    if plan.cell >= 0:
        cells[plan.cell] = own_text(element) if inner else element.text or ""
    if plan.attributes:
        by_key = plan.by_key
        for key, value in element.items():
            cell = by_key[key] if key in by_key else plan.meet_attribute(key, names)
            if cell >= 0:
                cells[cell] = value  # type: ignore[assignment]  # lxml gives text
    if not inner:
        return
    children = list(element)
    shape = plan.shape([child.tag for child in children], names)
    for at, cell in shape.texts:
        child = children[at]
        cells[cell] = own_text(child) if len(child) else child.text or ""
    if shape.again:
        plan.repeated.extend(shape.again)
    for at, part in shape.parts:
        fill(children[at], part, cells, names)


def own_text(element: etree._Element) -> str:
    """Return the element's text: whole where text stands among its elements, "" where it holds only elements."""
    text = element.text or ""
    if len(element) and not is_mixed(element):
        return ""
    return "".join(str(part) for part in element.itertext()) if len(element) else text


def is_mixed(element: etree._Element) -> bool:
    """Tell whether text other than white space stands among the element's elements."""
    return bool((element.text or "").strip() or any((child.tail or "").strip() for child in element))


def discover(element: etree._Element, names: Names, found: dict[str, None], *, skip: str = "", above: str = "") -> None:
    """Add the element's columns to `found`, in document order; children at the path `skip` are left out."""
    prefix = f"{above}/" if above else ""
    for key in element.keys():  # noqa: SIM118  an element iterates over its children, not its attributes
        name = names[str(key)]
        if name is not None:
            found[f"{prefix}@{name}"] = None
    data = [child for child in element if names[str(child.tag)] is not None]
    has_text = bool((element.text or "").strip()) if not above else True
    if has_text and (not data or is_mixed(element)):
        found[above or OWN_TEXT] = None
    seen: dict[str, int] = {}
    for child in data:
        name = names[str(child.tag)] or ""
        seen[name] = number = seen.get(name, 0) + 1
        path = f"{prefix}{name}"
        if number == 1 and path in found and not len(child) and not child.keys():
            continue
        if plain_path(path) != skip or not skip:
            discover(child, names, found, skip=skip, above=path if number == 1 else f"{path}[{number}]")


def plain_path(path: str) -> str:
    """Return a path without the numbers of repeated elements."""
    return "/".join(occurrence_of(step)[0] for step in path.split("/"))


def below(element: etree._Element, path: tuple[str, ...], names: Names) -> Iterator[etree._Element]:
    """Yield the descendants at the path, in document order."""
    for child in element:
        if names[str(child.tag)] == path[0]:
            if len(path) == 1:
                yield child
            else:
                yield from below(child, path[1:], names)


def link_of(element: etree._Element) -> Link | None:
    """Return what the first error element of ours among the children names."""
    error = element.find(_ERROR)
    if error is None:
        return None
    row = error.get("row", "")
    return error.get("run") or None, int(row) if row.isascii() and row.isdigit() else None


def is_blank(element: etree._Element) -> bool:
    """Tell whether the element holds neither elements nor attributes nor text."""
    return not len(element) and not element.keys() and not (element.text or "").strip()


def line_of(element: etree._Element) -> int:
    """Return the line on which the element's start tag ends."""
    line: int = element.sourceline  # type: ignore[assignment]  # of a parsed element it is a number
    if line < _SHORT_LINES:
        return line
    # Beyond 65534 libxml2 keeps lines for text only and answers with the end of the nearest text that follows.
    node: etree._Element | None = element
    while node is not None:
        if node.text:
            return line - node.text.count("\n")
        if len(node):
            node = node[0]
            continue
        if node.tail:
            return line - node.tail.count("\n")
        node = node.getnext()
    return line
