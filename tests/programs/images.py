"""Pull a base image, build on it, push what came of it, and clean up."""

import docker

client = docker.from_env()
image = client.images.pull("python", tag="3.12-slim")
print("Pulled:", image.tags)
image, log = client.images.build(
    path="./app", tag="myapp:latest", rm=True, buildargs={"VERSION": "2.1.0"}
)
print("".join(line.get("stream", "") for line in log))
image.tag("registry.example.com/myapp", tag="latest")
print(client.images.push("registry.example.com/myapp", tag="latest"))
pruned = client.images.prune(filters={"dangling": True})
print(f"Reclaimed: {pruned['SpaceReclaimed'] / 1024**2:.1f}MB")
