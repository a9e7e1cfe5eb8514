"""The contracts: everything that crosses a process boundary.

Each contract is one pydantic dataclass with slots. At the edge (raw intake, HTTP, files) pydantic validates it;
between our own processes msgspec reads and writes the same class (`touchline.schemas.codec`).
"""
