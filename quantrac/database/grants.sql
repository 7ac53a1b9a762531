-- Who may do what. Run after every migration; each line may be repeated.
-- The user of `jobs run` is a member of quantrac_ingest and quantrac_alerts: its jobs are theirs.
grant usage on schema public to quantrac_ingest, quantrac_alerts, quantrac_console, quantrac_reader;

-- Views are for everybody who may look; tables are not.
grant select on v_station, v_channel, v_reading, v_latest, v_ledger, v_dead_letter, v_event, v_feed, v_service,
  v_ingest_health, v_alarm, v_alarm_event, v_notification, v_shelf, v_carrier, v_hourly, v_daily, v_import, v_image,
  v_review, v_job, v_out_of_service, v_flapping, v_conflict, v_calibration,
  v_alarm_picture
  to quantrac_reader, quantrac_ingest, quantrac_alerts, quantrac_console;

-- What every service does: beat, follow the feed, know the network.
grant select, insert, update, delete on service, consumer to quantrac_ingest, quantrac_alerts, quantrac_console;
grant select on station, channel, change, migration to quantrac_ingest, quantrac_alerts, quantrac_console;
grant insert on audit to quantrac_ingest, quantrac_alerts, quantrac_console;

-- Ingest and quality: readings, books, dead letters.
grant select, insert on reading, reading_flag, station_event, change to quantrac_ingest;
grant select, insert, update on latest, conflict, ledger, dead_letter, ingest_health, job_run to quantrac_ingest;
grant select on correction to quantrac_ingest;
grant update (config_reported, status_online, status_at) on station to quantrac_ingest;
grant delete on change, ingest_health, job_run to quantrac_ingest;
grant execute on function drop_readings_before(timestamptz), drop_rollups_before(text, timestamptz),
  compress_readings(timestamptz), order_hourly(timestamptz) to quantrac_ingest;
grant select, insert, update on hourly, daily, import, channel_interval to quantrac_ingest;
grant select, insert, delete on owed_day to quantrac_ingest;
grant select on network, dropped to quantrac_ingest, quantrac_alerts, quantrac_console;
grant delete on dead_letter, conflict to quantrac_ingest;
grant select, insert, delete on image, dead_picture, unplaced_reading to quantrac_ingest;
grant select, insert, update, delete on station_clock to quantrac_ingest;

-- Alerts: rules, alarms, the outbox.
grant select on reading, derived_reading, latest, reading_flag, correction, ledger, ingest_health to quantrac_alerts;
grant select, insert, update, delete on rule_state, contact to quantrac_alerts;
grant select, insert, update on rule_cursor to quantrac_alerts;
grant select, insert, update on alarm, alarm_event, notification, job_run to quantrac_alerts;
grant update (silent_since) on station to quantrac_alerts;
grant select, insert, update on sms_part, sms_inbound, carrier to quantrac_alerts;
grant select, insert, update, delete on shelf to quantrac_alerts, quantrac_console;
grant select, insert, update on out_of_service to quantrac_alerts, quantrac_console;
grant select, insert, update, delete on flapping to quantrac_alerts;
grant select, insert, update on alarm_picture to quantrac_alerts;

-- Console: what its people may ask of the desks.
grant select on audit, contact, ledger to quantrac_console;
grant select, insert, update on alarm, alarm_event, notification, dead_letter to quantrac_console;
grant select, insert on reading_flag, change to quantrac_console;
grant select, insert, update on correction, review to quantrac_console;
grant select, delete on dead_picture to quantrac_console;

-- Derived channels and values.
grant select, insert, update, delete on derived_reading to quantrac_ingest;
grant select on derived_channel to quantrac_ingest, quantrac_alerts, quantrac_console;
grant update (made) on derived_channel to quantrac_ingest;
grant delete on hourly, daily to quantrac_ingest;

-- Rules: what is normal, and what composite rules remember.
grant select, insert, update, delete on channel_normal, composite_state to quantrac_alerts;
grant select on derived_reading, unplaced_reading, station_clock to quantrac_alerts;
grant select, insert, update, delete on books_watched to quantrac_alerts;
