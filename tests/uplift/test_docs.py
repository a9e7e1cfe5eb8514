"""docs/uplift.md: the report on it is the one that its command prints, and its figures are true."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.docs.pages import ROOT, blocks
from tests.uplift.world import World, as_files, known
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.cli import main
from touchline.embedded import EmbeddedWarehouse

PAGE = ROOT / "docs" / "uplift.md"
_, FROM_FILES = (block.text.replace("\\\n", " ") for block in blocks(PAGE, "sh"))
(SHOWN,) = (block.text for block in blocks(PAGE, "text"))
(QUERY,) = (block.text for block in blocks(PAGE, "sql"))


class Spring(World):
    """The experiment of the page."""

    @property
    def experiment(self) -> str:
        return "spring"


def plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def test_the_report_is_the_one_that_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    world = Spring(4, customers=2_500, hold_out=0.2)
    frictions = world.frictions()
    decided = world.decisions(frictions, world.hold_out)
    decisions, stream = as_files(decided, world.lived(decided))
    Path("decisions.ndjson").write_bytes(decisions)
    Path("touchpoints.ndjson").write_bytes(stream)
    done = CliRunner().invoke(main, shlex.split(FROM_FILES)[1:])
    assert done.exit_code == 0, done.output
    assert plain(done.stdout) == plain(SHOWN)
    (claimed,) = re.findall(r"lowers complaints by ([\d.]+) points", " ".join(PAGE.read_text("utf-8").split()))
    assert claimed == f"{-100 * known(world, frictions, decided).uplift:.1f}"


def test_the_query_runs(warehouse: EmbeddedWarehouse, database: str) -> None:
    settings = WarehouseSettings(host=warehouse.host, port=warehouse.port, database=database, batch_wait=0)
    upkeep.migrate(settings)
    assert [name for name, _ in upkeep.query(settings, QUERY).columns] == ["experiment", "arm", "customers", "sent"]
