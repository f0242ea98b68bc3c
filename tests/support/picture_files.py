"""Mappings of pictures: the name of a file has the article, and its size stands for a quantity."""

IMAGES = """contract = "stock"
version = 1
[format]
kind = "image"
[fields]
sku = { column = "stem", extract = "^(.+)_[0-9]+$" }
quantity = "size"
"""
WITH_CONTENT = f'{IMAGES}product_id = "content"\n'
