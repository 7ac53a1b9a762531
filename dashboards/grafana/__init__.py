"""Grafana dashboards as Python code; the JSON and the provisioning files are generated from it and committed."""
