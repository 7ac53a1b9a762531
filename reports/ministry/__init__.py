"""The ministry's five-minute files: which figure of a slot goes into them, their text, names and folders."""
