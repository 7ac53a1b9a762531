"""The whole system on one machine: private services, simulated field, edge agents, centre."""
