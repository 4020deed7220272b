"""Events of an engine: read, watched, collected, and told as a story."""
