"""The words every room shares: reading, state, quality, parameters, wire. Pure: no driver, no clock, no event loop."""
