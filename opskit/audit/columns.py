"""The columns of an audit log as a frame."""

from __future__ import annotations

from opskit.frames.columns import Column

__all__ = ["AUDIT_COLUMNS"]

AUDIT_COLUMNS = (
    Column("time", "datetime64[ns, UTC]", "", "When the call came."),
    Column("who", "str", "", "The client: name in its certificate, user and program, or host."),
    Column("method", "str", "", "GET, POST…; missing for what was no HTTP."),
    Column("path", "str", "", "Path and query as they were sent, secrets masked."),
    Column("operation", "str", "", "What the API calls it: ContainerStart; missing if unknown."),
    Column("status", "Int64", "", "Status of the answer; missing without one."),
    Column("allowed", "boolean", "", "Whether it was let through; missing while it is under way."),
    Column("why", "str", "", "Which rule let it through, why it was not, or what went wrong."),
    Column("seconds", "float64", "seconds", "From the call to the end of its answer."),
    Column("request_bytes", "Int64", "bytes", "Sent by the client, without the head."),
    Column("response_bytes", "Int64", "bytes", "Sent back to it, without the head."),
    Column("open", "bool", "", "It was under way when the log was read, or its writer ended."),
    Column("end", "str", "", "complete, client_left, engine_lost or recording_stopped."),
    Column("uid", "Int64", "", "User id of the client; over a unix socket."),
    Column("pid", "Int64", "", "Process id of the client; over a unix socket."),
    Column("command", "str", "", "Its command line; over a unix socket."),
    Column("address", "str", "", "Its address; over TCP."),
    Column("certificate", "str", "", "The name in its certificate; over TLS."),
    Column("body", "object", "", "What it sent as JSON, secrets masked; missing past 16 KiB."),
    Column("call", "str", "", "The call's own number: no other has it."),
)
"""Columns of ``opskit.audit.read()``."""
