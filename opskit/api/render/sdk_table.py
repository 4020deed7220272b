"""What each endpoint is called in the Docker SDK for Python."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SDK", "SdkTwin"]


@dataclass(frozen=True, slots=True)
class SdkTwin:
    """One SDK call that does what an endpoint does.

    Attributes
    ----------
    code : str
        The call. ``{id}`` stands for a value of the path, the query or the body, ``{json}`` for
        the whole body, ``{query}`` for the whole query, ``...`` for the keyword arguments.
    query, body : str
        API name and keyword, ``t=timeout``; one word if both are the same. Names in the body may
        be paths: ``EndpointConfig.Aliases=aliases``.
    implied : str
        Keywords to write where the call names no value, because the SDK's default is another one
        than the API's: ``stdout=False``.
    needs : str
        The query parameters that a call must have for this twin to be the right one.
    """

    code: str
    query: str = ""
    body: str = ""
    implied: str = ""
    needs: str = ""


_Table = dict[str, SdkTwin | tuple[SdkTwin, ...]]


_LIMITS = (
    "BlkioWeight=blkio_weight CpuPeriod=cpu_period CpuQuota=cpu_quota CpuShares=cpu_shares "
    "CpusetCpus=cpuset_cpus CpusetMems=cpuset_mems Memory=mem_limit "
    "MemoryReservation=mem_reservation MemorySwap=memswap_limit KernelMemory=kernel_memory "
    "RestartPolicy=restart_policy"
)
_NETWORK = (
    "Driver=driver Options=options IPAM=ipam CheckDuplicate=check_duplicate Internal=internal "
    "Labels=labels EnableIPv6=enable_ipv6 Attachable=attachable Scope=scope Ingress=ingress"
)
_ENDPOINT = (
    "EndpointConfig.Aliases=aliases EndpointConfig.IPAMConfig.IPv4Address=ipv4_address "
    "EndpointConfig.IPAMConfig.IPv6Address=ipv6_address EndpointConfig.Links=links "
    "EndpointConfig.IPAMConfig.LinkLocalIPs=link_local_ips "
    "EndpointConfig.DriverOpts=driver_opt EndpointConfig.MacAddress=mac_address"
)
_SERVICE = (
    "Name=name Labels=labels Mode=mode UpdateConfig=update_config RollbackConfig=rollback_config "
    "Networks=networks EndpointSpec=endpoint_spec"
)
_BUILD = (
    "dockerfile t=tag q=quiet nocache rm forcerm pull buildargs labels cachefrom=cache_from "
    "target networkmode=network_mode squash extrahosts=extra_hosts platform shmsize"
)
_EXEC = (
    "AttachStdin=stdin AttachStdout=stdout AttachStderr=stderr Tty=tty Privileged=privileged "
    "User=user Env=environment WorkingDir=workdir DetachKeys=detach_keys"
)
_LOGS = "follow stdout stderr since timestamps tail"
_QUIET = "stdout=False stderr=False"

_CONTAINERS: _Table = {
    "ContainerList": SdkTwin("client.containers.list(...)", "all limit filters"),
    "ContainerCreate": SdkTwin(
        "client.api.create_container_from_config({json}, ...)", "name platform"
    ),
    "ContainerInspect": SdkTwin("client.containers.get({id}).attrs"),
    "ContainerTop": SdkTwin("client.containers.get({id}).top(...)", "ps_args"),
    "ContainerLogs": SdkTwin(
        "client.containers.get({id}).logs(...)",
        "follow=stream stdout stderr since until timestamps tail",
        implied=_QUIET,
    ),
    "ContainerChanges": SdkTwin("client.containers.get({id}).diff()"),
    "ContainerExport": SdkTwin("client.containers.get({id}).export()"),
    "ContainerStats": SdkTwin("client.containers.get({id}).stats(...)", "stream one-shot=one_shot"),
    "ContainerResize": SdkTwin("client.containers.get({id}).resize({h}, {w})"),
    "ContainerStart": SdkTwin("client.containers.get({id}).start()"),
    "ContainerStop": SdkTwin("client.containers.get({id}).stop(...)", "t=timeout"),
    "ContainerRestart": SdkTwin("client.containers.get({id}).restart(...)", "t=timeout"),
    "ContainerKill": SdkTwin("client.containers.get({id}).kill(...)", "signal"),
    "ContainerUpdate": SdkTwin("client.containers.get({id}).update(...)", body=_LIMITS),
    "ContainerRename": SdkTwin("client.containers.get({id}).rename({name})"),
    "ContainerPause": SdkTwin("client.containers.get({id}).pause()"),
    "ContainerUnpause": SdkTwin("client.containers.get({id}).unpause()"),
    "ContainerAttach": SdkTwin(
        "client.containers.get({id}).attach(...)", "stdout stderr stream logs", implied=_QUIET
    ),
    "ContainerAttachWebsocket": SdkTwin(
        "client.containers.get({id}).attach_socket(params={query}, ws=True)"
    ),
    "ContainerWait": SdkTwin("client.containers.get({id}).wait(...)", "condition"),
    "ContainerDelete": SdkTwin("client.containers.get({id}).remove(...)", "v force link"),
    "ContainerArchive": SdkTwin("client.containers.get({id}).get_archive({path})"),
    "ContainerArchiveInfo": SdkTwin("client.containers.get({id}).get_archive({path})[1]"),
    "PutContainerArchive": SdkTwin("client.containers.get({id}).put_archive({path}, {file})"),
    "ContainerPrune": SdkTwin("client.containers.prune(...)", "filters"),
    "ContainerExec": SdkTwin(
        "client.api.exec_create({id}, {Cmd}, ...)", body=_EXEC, implied=_QUIET
    ),
    "ExecStart": SdkTwin("client.api.exec_start({id}, ...)", body="Detach=detach Tty=tty"),
    "ExecResize": SdkTwin("client.api.exec_resize({id}, {h}, {w})"),
    "ExecInspect": SdkTwin("client.api.exec_inspect({id})"),
}

_IMAGES: _Table = {
    "ImageList": SdkTwin("client.images.list(...)", "all filters"),
    "ImageBuild": (
        SdkTwin("client.images.build(path={remote}, ...)", _BUILD, needs="remote"),
        SdkTwin("client.images.build(fileobj={file}, custom_context=True, ...)", _BUILD),
    ),
    "BuildPrune": SdkTwin("client.api.prune_builds(...)", "filters keep-storage=keep_storage all"),
    "ImageCreate": (
        SdkTwin("client.images.pull({fromImage}, ...)", "tag platform", needs="fromImage"),
        SdkTwin(
            'client.api.import_image_from_file("archive.tar", ...)', "repo=repository tag changes"
        ),
    ),
    "ImageInspect": SdkTwin("client.images.get({name}).attrs"),
    "ImageHistory": SdkTwin("client.images.get({name}).history()"),
    "ImagePush": SdkTwin("client.images.push({name}, ...)", "tag"),
    "ImageTag": SdkTwin("client.images.get({name}).tag({repo}, ...)", "tag"),
    "ImageDelete": SdkTwin("client.images.remove({name}, ...)", "force noprune"),
    "ImageSearch": SdkTwin("client.images.search({term}, ...)", "limit"),
    "ImagePrune": SdkTwin("client.images.prune(...)", "filters"),
    "ImageCommit": SdkTwin(
        "client.containers.get({container}).commit(...)",
        "repo=repository tag comment=message author pause changes",
        body="=conf",
    ),
    "ImageGet": SdkTwin("client.api.get_image({name})"),
    "ImageLoad": SdkTwin("client.images.load({file})"),
    "DistributionInspect": SdkTwin("client.images.get_registry_data({name}).attrs"),
}

_SYSTEM: _Table = {
    "SystemAuth": SdkTwin(
        "client.login(...)",
        body="username=username password=password email=email serveraddress=registry",
    ),
    "SystemInfo": SdkTwin("client.info()"),
    "SystemVersion": SdkTwin("client.version()"),
    "SystemPing": SdkTwin("client.ping()"),
    "SystemPingHead": SdkTwin("client.ping()"),
    "SystemEvents": SdkTwin("client.events(...)", "since until filters", implied="decode=True"),
    "SystemDataUsage": SdkTwin("client.df()"),
}

_RESOURCES: _Table = {
    "VolumeList": SdkTwin("client.volumes.list(...)", "filters"),
    "VolumeCreate": SdkTwin(
        "client.volumes.create(...)",
        body="Name=name Driver=driver DriverOpts=driver_opts Labels=labels",
    ),
    "VolumeInspect": SdkTwin("client.volumes.get({name}).attrs"),
    "VolumeDelete": SdkTwin("client.volumes.get({name}).remove(...)", "force"),
    "VolumePrune": SdkTwin("client.volumes.prune(...)", "filters"),
    "NetworkList": SdkTwin("client.networks.list(...)", "filters"),
    "NetworkInspect": SdkTwin("client.networks.get({id}, ...).attrs", "verbose scope"),
    "NetworkDelete": SdkTwin("client.networks.get({id}).remove()"),
    "NetworkCreate": SdkTwin("client.networks.create({Name}, ...)", body=_NETWORK),
    "NetworkConnect": SdkTwin(
        "client.networks.get({id}).connect({Container}, ...)", body=_ENDPOINT
    ),
    "NetworkDisconnect": SdkTwin(
        "client.networks.get({id}).disconnect({Container}, ...)", body="Force=force"
    ),
    "NetworkPrune": SdkTwin("client.networks.prune(...)", "filters"),
    "PluginList": SdkTwin("client.plugins.list()"),
    "GetPluginPrivileges": SdkTwin("client.api.plugin_privileges({remote})"),
    "PluginPull": SdkTwin("client.api.pull_plugin({remote}, {json}, ...)", "name"),
    "PluginInspect": SdkTwin("client.plugins.get({name}).attrs"),
    "PluginDelete": SdkTwin("client.plugins.get({name}).remove(...)", "force"),
    "PluginEnable": SdkTwin("client.plugins.get({name}).enable(...)", "timeout"),
    "PluginDisable": SdkTwin("client.plugins.get({name}).disable(...)", "force"),
    "PluginUpgrade": SdkTwin("client.api.upgrade_plugin({name}, {remote}, {json})"),
    "PluginCreate": SdkTwin('client.plugins.create({name}, plugin_data_dir="plugin")'),
    "PluginPush": SdkTwin("client.api.push_plugin({name})"),
    "PluginSet": SdkTwin("client.plugins.get({name}).configure({json})"),
}

_SWARM: _Table = {
    "NodeList": SdkTwin("client.nodes.list(...)", "filters"),
    "NodeInspect": SdkTwin("client.nodes.get({id}).attrs"),
    "NodeDelete": SdkTwin("client.nodes.get({id}).remove(...)", "force"),
    "NodeUpdate": SdkTwin("client.api.update_node({id}, {version}, {json})"),
    "SwarmInspect": SdkTwin("client.api.inspect_swarm()"),
    "SwarmInit": SdkTwin(
        "client.swarm.init(...)",
        body="AdvertiseAddr=advertise_addr ListenAddr=listen_addr "
        "ForceNewCluster=force_new_cluster DefaultAddrPool=default_addr_pool "
        "SubnetSize=subnet_size DataPathAddr=data_path_addr DataPathPort=data_path_port",
    ),
    "SwarmJoin": SdkTwin(
        "client.swarm.join(...)",
        body="RemoteAddrs=remote_addrs JoinToken=join_token ListenAddr=listen_addr "
        "AdvertiseAddr=advertise_addr DataPathAddr=data_path_addr",
    ),
    "SwarmLeave": SdkTwin("client.swarm.leave(...)", "force"),
    "SwarmUpdate": SdkTwin(
        "client.api.update_swarm({version}, {json}, ...)",
        "rotateWorkerToken=rotate_worker_token rotateManagerToken=rotate_manager_token "
        "rotateManagerUnlockKey=rotate_manager_unlock_key",
    ),
    "SwarmUnlockkey": SdkTwin("client.swarm.get_unlock_key()"),
    "SwarmUnlock": SdkTwin("client.swarm.unlock({UnlockKey})"),
    "ServiceList": SdkTwin("client.services.list(...)", "filters status"),
    "ServiceCreate": SdkTwin("client.api.create_service({TaskTemplate}, ...)", body=_SERVICE),
    "ServiceInspect": SdkTwin(
        "client.services.get({id}, ...).attrs", "insertDefaults=insert_defaults"
    ),
    "ServiceDelete": SdkTwin("client.services.get({id}).remove()"),
    "ServiceUpdate": SdkTwin(
        "client.api.update_service({id}, {version}, ...)",
        body=f"TaskTemplate=task_template {_SERVICE}",
    ),
    "ServiceLogs": SdkTwin("client.services.get({id}).logs(...)", f"details {_LOGS}"),
    "TaskList": SdkTwin("client.api.tasks(...)", "filters"),
    "TaskInspect": SdkTwin("client.api.inspect_task({id})"),
    "SecretList": SdkTwin("client.secrets.list(...)", "filters"),
    "SecretCreate": SdkTwin("client.secrets.create(...)", body="Name=name Data=data Labels=labels"),
    "SecretInspect": SdkTwin("client.secrets.get({id}).attrs"),
    "SecretDelete": SdkTwin("client.secrets.get({id}).remove()"),
    "ConfigList": SdkTwin("client.configs.list(...)", "filters"),
    "ConfigCreate": SdkTwin("client.configs.create(...)", body="Name=name Data=data Labels=labels"),
    "ConfigInspect": SdkTwin("client.configs.get({id}).attrs"),
    "ConfigDelete": SdkTwin("client.configs.get({id}).remove()"),
}

SDK: _Table = {
    **_CONTAINERS,
    **_IMAGES,
    **_SYSTEM,
    **_RESOURCES,
    **_SWARM,
}
"""By the endpoint's operation; endpoints that the SDK does not know are left out."""
