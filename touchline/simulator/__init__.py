"""A seeded, imagined shop: customers on many channels, with known friction and known complaints.

What it is for: the demo, tests, and measuring outreach where the truth is known. See ``docs/simulator.md``.
"""

from touchline.simulator.friction import MODELS, Truth
from touchline.simulator.plan import Plan, PlanError, Reached
from touchline.simulator.story import Event
from touchline.simulator.stream import touchpoints

__all__ = ["MODELS", "Event", "Plan", "PlanError", "Reached", "Truth", "touchpoints"]
