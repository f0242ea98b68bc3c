from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

# tests are no package, so what several test files share is loaded by its place
_SPEC = importlib.util.spec_from_file_location("pages", Path(__file__).with_name("pages.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
if "pages" not in sys.modules:
    _MODULE = importlib.util.module_from_spec(_SPEC)
    sys.modules["pages"] = _MODULE
    _SPEC.loader.exec_module(_MODULE)
