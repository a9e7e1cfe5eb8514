"""The demo: everything on this machine, on a simulated shop or on files, with a report at the end."""

from touchline.demo.run import Demo, DemoFailed
from touchline.demo.sources import Files, Simulated, Source

__all__ = ["Demo", "DemoFailed", "Files", "Simulated", "Source"]
