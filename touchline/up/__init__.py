"""A whole environment on this machine: broker, warehouse and a supervised process for each agent."""

from touchline.up.environment import Environment
from touchline.up.ports import Ports

__all__ = ["Environment", "Ports"]
