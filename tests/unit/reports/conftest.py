from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

# tests are no package, so what several test files share is loaded by its place
_SPEC = importlib.util.spec_from_file_location("fake_rows", Path(__file__).with_name("fake_rows.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
if "fake_rows" not in sys.modules:
    _MODULE = importlib.util.module_from_spec(_SPEC)
    sys.modules["fake_rows"] = _MODULE
    _SPEC.loader.exec_module(_MODULE)
