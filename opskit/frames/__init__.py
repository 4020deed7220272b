"""Engine JSON to DataFrame: pure functions, no I/O, documented columns and dtypes."""
