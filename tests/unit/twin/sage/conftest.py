"""A folder that Sage 50, as the twin plays it, reads and answers."""

import pytest
from support.sage_office import Office


@pytest.fixture
def office(tmp_path):
    return Office(tmp_path)
