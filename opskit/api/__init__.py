"""The Docker Engine API as data: endpoints, versions, and calls rendered for other clients."""
