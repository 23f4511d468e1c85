"""What pgdrift costs, as ratios measured side by side. Run it with `make bench`."""
