"""Run a web server with limits, read its log and stats, stop and remove it."""

import docker


def cpu_percent(stats):
    used = (
        stats["cpu_stats"]["cpu_usage"]["total_usage"]
        - stats["precpu_stats"]["cpu_usage"]["total_usage"]
    )
    passed = stats["cpu_stats"]["system_cpu_usage"] - stats["precpu_stats"]["system_cpu_usage"]
    return 100 * stats["cpu_stats"]["online_cpus"] * used / passed if passed > 0 else 0.0


client = docker.from_env()
for running in client.containers.list():
    print(running.name, running.status, running.image.tags)
server = client.containers.run(
    "nginx:alpine",
    name="web-server",
    detach=True,
    ports={"80/tcp": 8080},
    mem_limit="256m",
    cpu_quota=50000,
    restart_policy={"Name": "unless-stopped"},
    labels={"app": "web", "env": "production"},
)
print("Started:", server.id[:12])
print(server.logs(tail=50, timestamps=True).decode())
stats = server.stats(stream=False)
print(f"CPU: {cpu_percent(stats):.1f}%, Memory: {stats['memory_stats']['usage'] >> 10} KiB")
server.stop(timeout=10)
server.remove()
