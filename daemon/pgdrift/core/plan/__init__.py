"""From what differs to what to do: two snapshots in, ordered statements out. Nothing is run."""
