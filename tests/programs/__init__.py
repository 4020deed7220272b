"""Small programs as readers of an Engine API guide write them, on the Docker SDK."""
