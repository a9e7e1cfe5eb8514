"""docs/embedded.md: what starts the parts in a program starts them."""

from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks


def test_the_program_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = blocks(ROOT / "docs" / "embedded.md", "python")
    exec(block.text, {})  # noqa: S102 - our own page
    bootstrap, native, http = capsys.readouterr().out.split()
    assert bootstrap.startswith("127.0.0.1:")
    assert native.isdigit()
    assert http.isdigit()
