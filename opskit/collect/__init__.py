"""Events and stats kept for days in files that survive a kill: written, read back, from the shell.

A folder holds ``opskit-collected.json`` and a folder for each engine. What comes is appended to a
journal, JSON lines, at once; a full journal becomes Parquet files in folders by date and is
deleted. The number in their names ties the two together: while the journal of a number is there,
it counts, and Parquet files of that number are unfinished.
"""
