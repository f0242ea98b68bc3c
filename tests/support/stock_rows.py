"""Stock files by their rows, and one with two good rows."""

HEADER = "sku,quantity\n"


def rows(*pairs):
    return HEADER + "".join(f"{sku},{quantity}\n" for sku, quantity in pairs)


GOOD = rows(("a", 1), ("b", 0))
