"""OGC SensorThings API 1.1, read: stations, channels and readings as Things, Datastreams and Observations."""
