"""What the rules of the optimizer save: look-ups by the keys of a join, and the time they take to plan."""

from optimizer.measure import measure

__all__ = ["measure"]
