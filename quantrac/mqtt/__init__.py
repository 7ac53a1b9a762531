"""The MQTT client that the edge and ingest share."""
