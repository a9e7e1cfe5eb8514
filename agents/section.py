"""What all sections of the settings have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of `touchline.yaml`: nothing in it is unknown, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
