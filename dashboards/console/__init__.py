"""The built-in control centre: pages and API over the public views, live by one stream of server-sent events."""
