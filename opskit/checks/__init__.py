"""Check-ups: can an engine be reached, and is it exposed to more than it should be."""
