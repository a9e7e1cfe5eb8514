"""Waits until the setup Job has made what this pod needs, and says what it waits for.

python wait.py topics [warehouse]
"""

import json
import subprocess
import sys
import time

SETTINGS = "/etc/touchline/touchline.yaml"
PAUSE = 3.0

# What to ask for, and the part of the answer that says what is missing.
QUESTIONS = {"topics": (["topics", "check"], "problems"), "warehouse": (["warehouse", "status"], "outstanding")}


def missing(what: str, settings: str) -> list[str]:
    """What is not there yet, in words. Whether what is there is as it should be is for the agent to judge."""
    command, part = QUESTIONS[what]
    asked = ["touchline", "--settings", settings, *command, "--json"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    try:
        found: list[str] = json.loads(done.stdout)[part]
    except (ValueError, LookupError):
        return [done.stderr.strip() or f"{' '.join(command)} ended with code {done.returncode}"]
    if what == "topics":
        return [line for line in found if " is missing" in line]
    return [f"not applied yet: {name}" for name in found]


def main(wanted: list[str], settings: str = SETTINGS) -> None:
    """Asks again until nothing is missing."""
    told: list[str] = []
    while found := [line for what in wanted for line in missing(what, settings)]:
        if found != told:
            print("\n".join(["waiting for the setup Job:", *found]), flush=True)  # noqa: T201 - a program
        told = found
        time.sleep(PAUSE)


if __name__ == "__main__":
    main(sys.argv[1:])
