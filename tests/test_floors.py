"""A room imports only from lower floors, and generation and loaders do not know each other."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = {
    "store": set(),
    "quality": {"store"},
    "generation": {"store", "quality"},
    "loaders": {"store", "quality"},
    "builder": {"store", "quality", "loaders", "generation"},
    "cards": {"store", "quality", "loaders", "generation", "builder"},
    "training": {"store", "quality", "loaders", "generation", "builder", "cards"},
}
MODULES = [(room, path.relative_to(ROOT)) for room in FLOORS for path in sorted((ROOT / room).rglob("*.py"))]


def _rooms_imported(path: Path) -> set[str]:
    """First folder of every module that a file imports by a relative name."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parent.parts[: len(path.parent.parts) - (node.level - 1)]
            target = (*base, *(node.module or "").split("."))
            names = [target] if node.module else [(*base, alias.name) for alias in node.names]
            found |= {name[0] for name in names if name}
    return found


def test_every_room_is_looked_at():
    assert {room for room, _ in MODULES} == set(FLOORS)


@pytest.mark.parametrize(("room", "path"), MODULES, ids=[str(path) for _, path in MODULES])
def test_imports_go_down(room, path):
    allowed = FLOORS[room] | {room, "errors"}
    assert _rooms_imported(path) <= allowed


@pytest.mark.parametrize("path", [path for _, path in MODULES], ids=str)
def test_imports_inside_the_package_are_relative(path):
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        names = [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        assert not any(name and name.split(".")[0] == "voxpress" for name in names)
