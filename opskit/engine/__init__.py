"""One object for one Docker Engine: its methods are the Engine API's own words."""
