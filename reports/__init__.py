"""Reports, from database to files, pages and people: the ministry's five-minute files, limits, completeness."""
