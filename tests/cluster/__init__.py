"""The cluster of deploy/cluster on one machine: each node a process, on a free port of the loopback address."""
