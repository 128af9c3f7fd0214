"""Upstreams that die, and the real noVNC that must not notice: cutters, scenes, comparisons."""
