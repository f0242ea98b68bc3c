"""The catalog an operator has set up: categories, attributes and lists of values, small but real.

Source: Mirakl seller API documentation, H11, PM11, VL11 (shapes verified). Codes and values are invented.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["TEXT", "LONG_TEXT", "LIST", "LIST_MULTIPLE_VALUES", "DECIMAL", "INTEGER", "DATE", "MEDIA"]
Level = Literal["REQUIRED", "RECOMMENDED", "OPTIONAL", "DISABLED"]

CATEGORY_ROLE = "CATEGORY"
SKU_ROLE = "SHOP_SKU"
TITLE_ROLE = "TITLE"
BRAND_ROLE = "BRAND"
DESCRIPTION_ROLE = "DESCRIPTION"
"""Names of roles are from general knowledge of the product, not from its pages; assumption."""


@dataclass(frozen=True, slots=True)
class Category:
    """One node of the tree; `parent` is "" at the top."""

    code: str
    label: str
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One column of a product file in operator format.

    `category` "" means every category; else the node and, inherited, all below it (PM11 verified, that requirements
    are inherited is live-reported). `values`: code of a list of values. `reference`: the type of product reference
    that the value is, such as EAN.
    """

    code: str
    label: str
    kind: Kind = "TEXT"
    requirement: Level = "OPTIONAL"
    category: str = ""
    values: str = ""
    max_length: int | None = None
    precision: int = 2
    role: str = ""
    variant: bool = False
    reference: str = ""


@dataclass(frozen=True, slots=True)
class ValuesList:
    """A list of allowed values, each a code and a label."""

    code: str
    label: str
    values: tuple[tuple[str, str], ...]

    @property
    def codes(self) -> frozenset[str]:
        """Codes of the list. Whether labels work too depends on the operator; this one takes codes (assumption)."""
        return frozenset(code for code, _ in self.values)


@dataclass(frozen=True, slots=True)
class Catalog:
    """The whole model."""

    categories: tuple[Category, ...]
    attributes: tuple[Attribute, ...]
    lists: tuple[ValuesList, ...]

    def path(self, code: str) -> list[Category]:
        """The category and its ancestors, itself first; empty when there is none of that code."""
        known = {category.code: category for category in self.categories}
        found = []
        while code in known:
            found.append(known[code])
            code = known[code].parent
        return found

    def leaf(self, code: str) -> bool:
        """Whether nothing is below the category."""
        return all(category.parent != code for category in self.categories)

    def below(self, code: str, levels: int | None = None) -> Iterator[Category]:
        """The category and what is below it, down to so many levels; all categories for ""."""
        for category in self.categories:
            codes = ["", *reversed([node.code for node in self.path(category.code)])]
            if code in codes and (levels is None or len(codes) - 1 - codes.index(code) <= levels):
                yield category

    def attributes_of(self, category: str) -> list[Attribute]:
        """Attributes a product of that category has, inherited ones included, without disabled ones."""
        nodes = {"", *(node.code for node in self.path(category))}
        return [one for one in self.attributes if one.category in nodes and one.requirement != "DISABLED"]

    def role(self, role: str) -> str:
        """Code of the attribute with that role; "" when none has it."""
        return next((attribute.code for attribute in self.attributes if attribute.role == role), "")

    def values(self, code: str) -> frozenset[str]:
        """Allowed codes of a list of values."""
        return next((one.codes for one in self.lists if one.code == code), frozenset())


def sample() -> Catalog:
    """Return the catalog of a small department store."""
    return Catalog(_categories(), _attributes(), _lists())


def _categories() -> tuple[Category, ...]:
    return (
        Category("GOODS", "Goods"),
        Category("APPAREL", "Apparel"),
        Category("ACCESSORIES", "Accessories", "APPAREL"),
        Category("SCARF", "Scarves", "ACCESSORIES"),
        Category("HAT", "Hats", "ACCESSORIES"),
        Category("TOPS", "Tops", "APPAREL"),
        Category("TSHIRT", "T-shirts", "TOPS"),
        Category("SWEATER", "Sweaters", "TOPS"),
        Category("HOME", "Home"),
        Category("BEDDING", "Bedding", "HOME"),
        Category("SHEET", "Sheets", "BEDDING"),
        Category("KITCHEN", "Kitchen", "HOME"),
        Category("MUG", "Mugs", "KITCHEN"),
    )


def _attributes() -> tuple[Attribute, ...]:
    return (
        Attribute("sku_code", "Product SKU of the seller", "TEXT", "REQUIRED", max_length=50, role=SKU_ROLE),
        Attribute("category_code", "Category", "TEXT", "REQUIRED", role=CATEGORY_ROLE),
        Attribute("title", "Title", "TEXT", "REQUIRED", max_length=120, role=TITLE_ROLE),
        Attribute("brand", "Brand", "TEXT", "REQUIRED", max_length=60, role=BRAND_ROLE),
        Attribute("description", "Description", "LONG_TEXT", "RECOMMENDED", max_length=4000, role=DESCRIPTION_ROLE),
        Attribute("ean", "EAN", "TEXT", "RECOMMENDED", role="UNIQUE_IDENTIFIER", reference="EAN"),
        Attribute("upc", "UPC", "TEXT", reference="UPC"),
        Attribute("image_1", "Main image", "MEDIA", "RECOMMENDED", role="MAIN_IMAGE"),
        Attribute("image_2", "Second image", "MEDIA"),
        Attribute("variant_group_code", "Variant group", "TEXT", max_length=50, role="VARIANT_GROUP_CODE"),
        Attribute("color", "Color", "LIST", values="colors", variant=True),
        Attribute("size", "Size", "LIST", "RECOMMENDED", "APPAREL", values="sizes", variant=True),
        Attribute("material", "Material", "LIST_MULTIPLE_VALUES", "REQUIRED", "APPAREL", values="materials"),
        Attribute("care", "Care", "TEXT", category="APPAREL", max_length=80),
        Attribute("thread_count", "Thread count", "INTEGER", "REQUIRED", "BEDDING"),
        Attribute("weight", "Weight in kg", "DECIMAL", precision=3),
        Attribute("release_date", "Release date", "DATE"),
        Attribute("old_code", "Old code", "TEXT", "DISABLED"),
    )


def _lists() -> tuple[ValuesList, ...]:
    colors = (("BLK", "Black"), ("WHT", "White"), ("RED", "Red"), ("BLU", "Blue"), ("GRN", "Green"), ("GRY", "Grey"))
    sizes = (("XS", "X-Small"), ("S", "Small"), ("M", "Medium"), ("L", "Large"), ("XL", "X-Large"), ("OS", "One size"))
    materials = (("COTTON", "Cotton"), ("WOOL", "Wool"), ("SILK", "Silk"), ("LINEN", "Linen"), ("POLY", "Polyester"))
    return (
        ValuesList("colors", "Colors", colors),
        ValuesList("sizes", "Sizes", sizes),
        ValuesList("materials", "Materials", materials),
    )
