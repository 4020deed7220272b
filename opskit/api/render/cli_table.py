"""What each endpoint is called in the docker command line."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CLI", "CliTwin"]


@dataclass(frozen=True, slots=True)
class CliTwin:
    """One docker command that does what an endpoint does.

    Attributes
    ----------
    words : str
        The command: ``docker rm``. Shell words may stand in front of it.
    operands : str
        What follows the options. ``{id}`` stands for a value of the path, the query or the body;
        ``{Cmd*}`` for a list, or a text that is several words; ``{repo:tag}`` for a reference.
    query, body : str
        API name and option, ``force=--force``. ``!pause=--pause=false`` is written when the flag
        is false, ``~stdin=--no-stdin`` unless it is true. Names in the body may be paths.
    unsaid : str
        Names that the command needs no word for.
    needs : str
        The query parameters that a call must have for this twin to be the right one.
    """

    words: str
    operands: str = ""
    query: str = ""
    body: str = ""
    unsaid: str = ""
    needs: str = ""


_Table = dict[str, CliTwin | tuple[CliTwin, ...]]


FILTERS = "filters=--filter"
_LIMITS = (
    "Memory=--memory MemoryReservation=--memory-reservation MemorySwap=--memory-swap "
    "NanoCpus=--cpus CpuShares=--cpu-shares CpuPeriod=--cpu-period CpuQuota=--cpu-quota "
    "CpusetCpus=--cpuset-cpus CpusetMems=--cpuset-mems BlkioWeight=--blkio-weight "
    "PidsLimit=--pids-limit RestartPolicy=--restart"
)
_HOST = (
    "Binds=--volume PortBindings=--publish PublishAllPorts=--publish-all NetworkMode=--network "
    "AutoRemove=--rm Privileged=--privileged CapAdd=--cap-add CapDrop=--cap-drop "
    "ReadonlyRootfs=--read-only Tmpfs=--tmpfs ExtraHosts=--add-host Dns=--dns "
    "DnsSearch=--dns-search DnsOptions=--dns-option Init=--init PidMode=--pid IpcMode=--ipc "
    "UTSMode=--uts UsernsMode=--userns CgroupnsMode=--cgroupns SecurityOpt=--security-opt "
    "VolumesFrom=--volumes-from GroupAdd=--group-add OomScoreAdj=--oom-score-adj "
    "OomKillDisable=--oom-kill-disable ShmSize=--shm-size Sysctls=--sysctl Runtime=--runtime "
    "Links=--link LogConfig.Type=--log-driver LogConfig.Config=--log-opt Ulimits=--ulimit "
    "Devices=--device Mounts=--mount MemorySwappiness=--memory-swappiness "
    f"CgroupParent=--cgroup-parent StorageOpt=--storage-opt VolumeDriver=--volume-driver {_LIMITS}"
)
_CREATE = (
    "Hostname=--hostname Domainname=--domainname User=--user WorkingDir=--workdir Env=--env "
    "Labels=--label Tty=--tty OpenStdin=--interactive ExposedPorts=--expose "
    "StopSignal=--stop-signal StopTimeout=--stop-timeout MacAddress=--mac-address "
    "Healthcheck=--health-cmd Volumes=--volume Entrypoint=--entrypoint "
) + " ".join(f"HostConfig.{entry}" for entry in _HOST.split())
_BUILD = (
    "dockerfile=--file t=--tag extrahosts=--add-host q=--quiet nocache=--no-cache "
    "cachefrom=--cache-from pull=--pull !rm=--rm=false forcerm=--force-rm memory=--memory "
    "memswap=--memory-swap cpushares=--cpu-shares cpusetcpus=--cpuset-cpus "
    "cpuperiod=--cpu-period cpuquota=--cpu-quota buildargs=--build-arg shmsize=--shm-size "
    "squash=--squash labels=--label networkmode=--network platform=--platform target=--target"
)
_EXEC = (
    "AttachStdin=--interactive Tty=--tty Privileged=--privileged User=--user Env=--env "
    "WorkingDir=--workdir DetachKeys=--detach-keys"
)
_NETWORK = (
    "Driver=--driver Options=--opt Internal=--internal Labels=--label EnableIPv6=--ipv6 "
    "Attachable=--attachable Ingress=--ingress Scope=--scope IPAM.Driver=--ipam-driver "
    "IPAM.Options=--ipam-opt IPAM.Config=--subnet"
)
_CONNECT = (
    "EndpointConfig.Aliases=--alias EndpointConfig.IPAMConfig.IPv4Address=--ip "
    "EndpointConfig.IPAMConfig.IPv6Address=--ip6 EndpointConfig.Links=--link "
    "EndpointConfig.IPAMConfig.LinkLocalIPs=--link-local-ip EndpointConfig.DriverOpts=--driver-opt"
)
_SWARM = (
    "ListenAddr=--listen-addr AdvertiseAddr=--advertise-addr DataPathAddr=--data-path-addr "
    "Availability=--availability"
)
_SERVICE = (
    "Name=--name Labels=--label Mode.Replicated.Replicas=--replicas "
    "TaskTemplate.ContainerSpec.Env=--env TaskTemplate.ContainerSpec.User=--user "
    "TaskTemplate.ContainerSpec.Dir=--workdir TaskTemplate.ContainerSpec.Labels=--container-label "
    "TaskTemplate.ContainerSpec.Hostname=--hostname TaskTemplate.ContainerSpec.TTY=--tty "
    "TaskTemplate.Placement.Constraints=--constraint EndpointSpec.Mode=--endpoint-mode"
)
_SERVICE_LOGS = (
    "details=--details follow=--follow since=--since timestamps=--timestamps tail=--tail"
)

_CONTAINERS: _Table = {
    "ContainerList": CliTwin("docker ps", "", f"all=--all limit=--last size=--size {FILTERS}"),
    "ContainerCreate": CliTwin(
        "docker create", "{Image} {Cmd*}", "name=--name platform=--platform", _CREATE
    ),
    "ContainerInspect": CliTwin("docker container inspect", "{id}", "size=--size"),
    "ContainerTop": CliTwin("docker top", "{id} {ps_args*}"),
    "ContainerLogs": CliTwin(
        "docker logs",
        "{id}",
        "follow=--follow since=--since until=--until timestamps=--timestamps tail=--tail",
        unsaid="stdout stderr",
    ),
    "ContainerChanges": CliTwin("docker diff", "{id}"),
    "ContainerExport": CliTwin("docker export", "--output {file} {id}"),
    "ContainerStats": CliTwin(
        "docker stats", "{id}", "!stream=--no-stream", unsaid="stream one-shot"
    ),
    "ContainerStart": CliTwin("docker start", "{id}", "detachKeys=--detach-keys"),
    "ContainerStop": CliTwin("docker stop", "{id}", "t=-t signal=--signal"),
    "ContainerRestart": CliTwin("docker restart", "{id}", "t=-t signal=--signal"),
    "ContainerKill": CliTwin("docker kill", "{id}", "signal=--signal"),
    "ContainerUpdate": CliTwin("docker update", "{id}", body=_LIMITS),
    "ContainerRename": CliTwin("docker rename", "{id} {name}"),
    "ContainerPause": CliTwin("docker pause", "{id}"),
    "ContainerUnpause": CliTwin("docker unpause", "{id}"),
    "ContainerAttach": CliTwin(
        "docker attach",
        "{id}",
        "~stdin=--no-stdin detachKeys=--detach-keys",
        unsaid="stdin stdout stderr stream",
    ),
    "ContainerWait": CliTwin("docker wait", "{id}"),
    "ContainerDelete": CliTwin("docker rm", "{id}", "force=--force v=--volumes link=--link"),
    "ContainerArchive": CliTwin("docker cp", "{id}:{path} - > {file}"),
    "PutContainerArchive": CliTwin(
        "docker cp", "- {id}:{path} < archive.tar", "copyUIDGID=--archive"
    ),
    "ContainerPrune": CliTwin("docker container prune --force", "", FILTERS),
    "ContainerExec": CliTwin(
        "docker exec", "{id} {Cmd*}", body=_EXEC, unsaid="AttachStdout AttachStderr"
    ),
}

_IMAGES: _Table = {
    "ImageList": CliTwin("docker images", "", f"all=--all digests=--digests {FILTERS}"),
    "ImageBuild": (
        CliTwin("docker build", "{remote}", _BUILD, needs="remote"),
        CliTwin("docker build", "- < archive.tar", _BUILD),
    ),
    "BuildPrune": CliTwin(
        "docker builder prune --force",
        "",
        f"all=--all keep-storage=--keep-storage reserved-space=--reserved-space "
        f"max-used-space=--max-used-space min-free-space=--min-free-space {FILTERS}",
    ),
    "ImageCreate": (
        CliTwin("docker pull", "{fromImage:tag}", "platform=--platform", needs="fromImage"),
        CliTwin(
            "docker import",
            "- {repo:tag} < archive.tar",
            "message=--message changes=--change platform=--platform",
            unsaid="fromSrc",
        ),
    ),
    "ImageInspect": CliTwin("docker image inspect", "{name}"),
    "ImageHistory": CliTwin("docker history", "{name}"),
    "ImagePush": CliTwin("docker push", "{name:tag}"),
    "ImageTag": CliTwin("docker tag", "{name} {repo:tag}"),
    "ImageDelete": CliTwin("docker rmi", "{name}", "force=--force noprune=--no-prune"),
    "ImageSearch": CliTwin("docker search", "{term}", f"limit=--limit {FILTERS}"),
    "ImagePrune": CliTwin("docker image prune --force", "", "filters=--unused"),
    "ImageCommit": CliTwin(
        "docker commit",
        "{container} {repo:tag}",
        "comment=--message author=--author !pause=--pause=false changes=--change",
        unsaid="pause",
    ),
    "ImageGet": CliTwin("docker save", "--output {file} {name}"),
    "ImageGetAll": CliTwin("docker save", "--output {file} {names*}"),
    "ImageLoad": CliTwin("docker load", "--input archive.tar", "quiet=--quiet"),
}

_SYSTEM: _Table = {
    "SystemAuth": CliTwin(
        "docker login", "{serveraddress}", body="username=--username", unsaid="password email"
    ),
    "SystemInfo": CliTwin("docker info"),
    "SystemVersion": CliTwin("docker version"),
    "SystemEvents": CliTwin("docker events", "", f"since=--since until=--until {FILTERS}"),
    "SystemDataUsage": CliTwin("docker system df", "", "verbose=--verbose"),
}

_RESOURCES: _Table = {
    "VolumeList": CliTwin("docker volume ls", "", FILTERS),
    "VolumeCreate": CliTwin(
        "docker volume create", "{Name}", body="Driver=--driver DriverOpts=--opt Labels=--label"
    ),
    "VolumeInspect": CliTwin("docker volume inspect", "{name}"),
    "VolumeDelete": CliTwin("docker volume rm", "{name}", "force=--force"),
    "VolumePrune": CliTwin("docker volume prune --force", "", FILTERS),
    "NetworkList": CliTwin("docker network ls", "", FILTERS),
    "NetworkInspect": CliTwin("docker network inspect", "{id}", "verbose=--verbose scope=--scope"),
    "NetworkDelete": CliTwin("docker network rm", "{id}"),
    "NetworkCreate": CliTwin(
        "docker network create", "{Name}", body=_NETWORK, unsaid="CheckDuplicate"
    ),
    "NetworkConnect": CliTwin("docker network connect", "{id} {Container}", body=_CONNECT),
    "NetworkDisconnect": CliTwin(
        "docker network disconnect", "{id} {Container}", body="Force=--force"
    ),
    "NetworkPrune": CliTwin("docker network prune --force", "", FILTERS),
    "PluginList": CliTwin("docker plugin ls", "", FILTERS),
    "PluginPull": CliTwin(
        "docker plugin install --disable --grant-all-permissions", "{remote}", "name=--alias"
    ),
    "PluginInspect": CliTwin("docker plugin inspect", "{name}"),
    "PluginDelete": CliTwin("docker plugin rm", "{name}", "force=--force"),
    "PluginEnable": CliTwin("docker plugin enable", "{name}", "timeout=--timeout"),
    "PluginDisable": CliTwin("docker plugin disable", "{name}", "force=--force"),
    "PluginUpgrade": CliTwin("docker plugin upgrade --grant-all-permissions", "{name} {remote}"),
    "PluginPush": CliTwin("docker plugin push", "{name}"),
    "PluginSet": CliTwin("docker plugin set", "{name} {json*}"),
}

_SWARMS: _Table = {
    "NodeList": CliTwin("docker node ls", "", FILTERS),
    "NodeInspect": CliTwin("docker node inspect", "{id}"),
    "NodeDelete": CliTwin("docker node rm", "{id}", "force=--force"),
    "NodeUpdate": CliTwin(
        "docker node update",
        "{id}",
        body="Role=--role Availability=--availability Labels=--label-add",
        unsaid="version",
    ),
    "SwarmInit": CliTwin(
        "docker swarm init",
        body=f"{_SWARM} ForceNewCluster=--force-new-cluster DefaultAddrPool=--default-addr-pool "
        "SubnetSize=--default-addr-pool-mask-length DataPathPort=--data-path-port "
        "AutoLockManagers=--autolock",
    ),
    "SwarmJoin": CliTwin("docker swarm join", "{RemoteAddrs*}", body=f"JoinToken=--token {_SWARM}"),
    "SwarmLeave": CliTwin("docker swarm leave", "", "force=--force"),
    "SwarmUpdate": (
        CliTwin(
            "docker swarm join-token --rotate",
            "worker",
            unsaid="version rotateWorkerToken",
            needs="rotateWorkerToken",
        ),
        CliTwin(
            "docker swarm join-token --rotate",
            "manager",
            unsaid="version rotateManagerToken",
            needs="rotateManagerToken",
        ),
        CliTwin(
            "docker swarm unlock-key --rotate",
            unsaid="version rotateManagerUnlockKey",
            needs="rotateManagerUnlockKey",
        ),
    ),
    "SwarmUnlockkey": CliTwin("docker swarm unlock-key"),
    "SwarmUnlock": CliTwin("docker swarm unlock", unsaid="UnlockKey"),
    "ServiceList": CliTwin("docker service ls", "", FILTERS, unsaid="status"),
    "ServiceCreate": CliTwin(
        "docker service create",
        "{TaskTemplate.ContainerSpec.Image} {TaskTemplate.ContainerSpec.Args*}",
        body=_SERVICE,
    ),
    "ServiceInspect": CliTwin("docker service inspect", "{id}", unsaid="insertDefaults"),
    "ServiceDelete": CliTwin("docker service rm", "{id}"),
    "ServiceUpdate": CliTwin(
        "docker service rollback", "{id}", unsaid="version rollback", needs="rollback"
    ),
    "ServiceLogs": CliTwin("docker service logs", "{id}", _SERVICE_LOGS, unsaid="stdout stderr"),
    "TaskInspect": CliTwin("docker inspect --type task", "{id}"),
    "TaskLogs": CliTwin("docker service logs", "{id}", _SERVICE_LOGS, unsaid="stdout stderr"),
    "SecretList": CliTwin("docker secret ls", "", FILTERS),
    "SecretCreate": CliTwin(
        "docker secret create", "{Name} -", body="Labels=--label", unsaid="Data"
    ),
    "SecretInspect": CliTwin("docker secret inspect", "{id}"),
    "SecretDelete": CliTwin("docker secret rm", "{id}"),
    "ConfigList": CliTwin("docker config ls", "", FILTERS),
    "ConfigCreate": CliTwin(
        "docker config create", "{Name} -", body="Labels=--label", unsaid="Data"
    ),
    "ConfigInspect": CliTwin("docker config inspect", "{id}"),
    "ConfigDelete": CliTwin("docker config rm", "{id}"),
}

CLI: _Table = {
    **_CONTAINERS,
    **_IMAGES,
    **_SYSTEM,
    **_RESOURCES,
    **_SWARMS,
}
"""By the endpoint's operation; endpoints that the docker CLI does not use as such are left out."""
