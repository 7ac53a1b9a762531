"""Exports: readings, hourly and daily values of chosen channels as CSV, Excel, Parquet and NetCDF."""
