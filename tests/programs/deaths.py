"""Print how containers end, until interrupted."""

import docker

filters = {"type": ["container"], "event": ["start", "stop", "die", "oom"]}
for event in docker.from_env().events(decode=True, filters=filters):
    about = event["Actor"]["Attributes"]
    if event["Action"] == "die":
        print(f"Container {about['name']} died with exit code {about['exitCode']}")
