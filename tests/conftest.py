"""What all tests share: the flag that rewrites golden files, and patience on slow machines."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

GOLDEN = Path(__file__).parent / "golden"

# How long an example takes says more about the machine than about the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", action="store_true", help="rewrite the golden files instead of comparing with them")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, Any], None]:
    """Compare JSON data with the golden file of a name, or rewrite it under --golden."""

    def compare(name: str, data: Any) -> None:
        path = GOLDEN / f"{name}.json"
        if request.config.getoption("--golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(data, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        assert path.is_file(), f"{path} is missing; write it with: pytest --golden"
        assert data == json.loads(path.read_text(encoding="utf-8")), (
            "if this is meant, rewrite it with: pytest --golden"
        )

    return compare
