"""TPC-H over several sources: bytes on the wire, remote statements and time of each query, side by side."""

from federation.queries import measure

__all__ = ["measure"]
