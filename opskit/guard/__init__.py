"""Deciding which calls go on to the engine: rules, and the relay that keeps to them."""
