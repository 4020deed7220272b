"""Print a health report of all containers every ten seconds, until interrupted."""

import time

import docker

client = docker.from_env()
while True:
    print(f"{'Container':<20} {'Status':<12} {'Health':<12} {'Mem%':<8} Restarts")
    for container in client.containers.list():
        memory = container.stats(stream=False)["memory_stats"]
        share = 100 * memory["usage"] / memory["limit"]
        health = container.attrs["State"].get("Health", {}).get("Status", "no healthcheck")
        restarts = container.attrs["RestartCount"]
        row = f"{container.name:<20} {container.status:<12} {health:<12} {share:<8.1f} {restarts}"
        print(row)
    time.sleep(10)
