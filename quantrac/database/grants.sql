-- Who may do what. Run after every migration; each line may be repeated.
grant usage on schema public to quantrac_ingest, quantrac_alerts, quantrac_console, quantrac_reader;
