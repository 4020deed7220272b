"""Every column of every frame is documented, and the README shows what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from opskit import reference
from opskit.frames.columns import build

README = Path(__file__).parent.parent / "README.md"
TABLES = reference.tables()


def test_the_readme_holds_the_reference():
    text = README.read_text(encoding="utf-8")
    assert reference.put(text) == text, "run: python -m opskit.reference README.md"


@pytest.mark.parametrize("table", TABLES, ids=lambda t: f"{t.module}.{t.name}")
def test_every_column_says_what_it_is(table):
    assert table.about, "say below the columns which call gives them"
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)
    for column in table.columns:
        assert column.doc.strip(), f"{column.name} has no description"
        assert column.name == column.name.lower().replace("-", "_")
        if column.name.endswith("_bytes"):
            assert column.unit.startswith("bytes"), column.name
        if column.name.endswith("_percent"):
            assert column.unit.startswith("percent of"), f"{column.name}: of what?"
    build(table.columns, {})  # knows every dtype


def test_all_kinds_of_objects_are_in_it():
    text = reference.markdown()
    for call in ("containers", "images", "networks", "volumes", "stats", "events", "logs", "top"):
        assert f"<code>engine.{call}()</code>" in text


def test_a_file_without_marks_says_what_to_do():
    with pytest.raises(ValueError, match="columns:begin"):
        reference.put("# Something else\n")


def test_printing_and_writing(tmp_path, capsys):
    reference.main([])
    assert "| `name` | str |" in capsys.readouterr().out
    path = tmp_path / "README.md"
    path.write_text(f"# Title\n\n{reference.BEGIN}\nstale-words\n{reference.END}\n\nend\n")
    reference.main([str(path)])
    text = path.read_text()
    assert text.startswith("# Title\n\n<!-- columns:begin -->\n")
    assert text.endswith("<!-- columns:end -->\n\nend\n")
    assert "stale-words" not in text
