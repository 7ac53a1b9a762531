"""The yearly disclosure: a year's data as an archive that anybody may read, in versions that stay as they are."""
