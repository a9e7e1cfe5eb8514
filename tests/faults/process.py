"""A worker process of the harness: `python -m tests.faults.process SETTINGS.json AGENT`, with the hooks in place.

`counting` instead of an agent's name runs the small processor of `counting.py` as the agent `journey`.
"""

import sys
from pathlib import Path

from tests.faults.counting import CountProcessor
from tests.faults.hooks import dying_checkpoint
from touchline.agents.runtime.worker import run_agent
from touchline.agents.settings import Settings


def main() -> int:
    """Runs until it is told to stop, or dies."""
    settings = Settings.model_validate_json(Path(sys.argv[1]).read_bytes())
    agent = sys.argv[2]
    if agent == "counting":
        return run_agent(settings, "journey", processor=CountProcessor(), checkpoint=dying_checkpoint)
    return run_agent(settings, agent, checkpoint=dying_checkpoint)


if __name__ == "__main__":
    sys.exit(main())
