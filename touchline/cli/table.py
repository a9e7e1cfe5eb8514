"""Every command: where it is and what `touchline --help` says of it. It is imported when it is called."""

from typing import Final, NamedTuple


class Entry(NamedTuple):
    """`target`: `module:name` of a click command. `extra`: what must be installed for it beyond the base."""

    target: str
    help: str
    extra: str | None = None


COMMANDS: Final[dict[str, Entry]] = {
    "init": Entry("touchline.cli.init:init", "Write a settings file and folders for a new environment."),
    "up": Entry("touchline.cli.up:up", "Run everything on this machine, on the live clock.", "embedded"),
    "demo": Entry("touchline.cli.demo:demo", "Run everything on a made-up shop or on files, and report.", "embedded"),
    "simulate": Entry("touchline.cli.simulate:simulate", "Write the touchpoints of made-up customers."),
    "try": Entry("touchline.cli.try_:try_", "Show what would become of one event; nothing is sent.", "worker"),
    "publish": Entry("touchline.cli.publish:publish", "Publish touchpoints from a file, or check them."),
    "import": Entry("touchline.cli.import_:import_", "Publish the rows of files as touchpoints, by a map."),
    "tail": Entry("touchline.cli.tail:tail", "Show a topic as it grows."),
    "rejected": Entry("touchline.cli.rejected:rejected", "Look at records that were refused."),
    "topics": Entry("touchline.cli.topics:topics", "Create or check the topics.", "worker"),
    "rules": Entry("touchline.cli.rules:rules", "Check, test and prove rules; ask why they were silent.", "worker"),
    "policies": Entry("touchline.cli.policies:policies", "Check, show and publish policies of outreach.", "worker"),
    "outreach": Entry(
        "touchline.cli.outreach:outreach", "Stop outreach at once, resume it; what did it change?", "worker"
    ),
    "schemas": Entry("touchline.cli.schemas:schemas", "Export the contracts as JSON Schema."),
    "worker": Entry("touchline.cli.worker:worker", "Run agents.", "worker"),
    "fixes": Entry("touchline.cli.fixes:fixes", "Record changes that mend causes; see what came of them.", "worker"),
    "warehouse": Entry("touchline.cli.warehouse:warehouse", "Migrate, check, rebuild or query ClickHouse.", "worker"),
}
