"""What sections of the settings have in common."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from touchline.pipeline.outreach.quiet import zone_named


class Section(BaseModel):
    """A part of `touchline.yaml`: nothing in it is unknown, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_zone(name: str) -> str:
    if zone_named(name) is None:
        raise ValueError(f'"{name}" is no time zone: write a name such as Europe/Berlin or UTC')
    return name


ZoneName = Annotated[str, AfterValidator(_known_zone)]
"""The IANA name of a time zone."""
