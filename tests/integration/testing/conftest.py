from __future__ import annotations

from pathlib import Path

import pytest
from plugin_project import UserProject, write_project


@pytest.fixture
def user_project(tmp_path: Path) -> UserProject:
    """A user's project, whose tests are run by another pytest."""
    return write_project(tmp_path)
