"""Quality tests that need a history: a consumer of the change feed that adds findings beside the readings."""
