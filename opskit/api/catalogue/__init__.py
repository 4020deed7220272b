"""The endpoints themselves, one module for each part of the API.

Facts follow the API's descriptions from 1.41 to 1.55 and moby's changelog between them; the words
are opskit's own.
"""

from __future__ import annotations

from opskit.api.catalogue import containers, images, plugins, resources, swarm, system

__all__ = ["ENDPOINTS"]

ENDPOINTS = (
    *containers.ENDPOINTS,
    *images.ENDPOINTS,
    *system.ENDPOINTS,
    *resources.ENDPOINTS,
    *plugins.ENDPOINTS,
    *swarm.ENDPOINTS,
)
"""Every endpoint of the Engine API."""
