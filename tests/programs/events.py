"""Print every event as it happens, until interrupted."""

import docker

for event in docker.from_env().events(decode=True):
    actor = event.get("Actor", {}).get("Attributes", {}).get("name", "unknown")
    print(f"[{event['time']}] {event['Type']}/{event['Action']}: {actor}")
