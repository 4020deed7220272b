"""Sampling the stats of many containers: snapshots, series and a sampler in the background."""
