-- Who may do what. Run after every migration; each line may be repeated.
-- The user of `jobs run` is a member of quantrac_ingest, quantrac_alerts and quantrac_backup: its jobs are theirs.
grant usage on schema public to quantrac_ingest, quantrac_alerts, quantrac_console, quantrac_reader;

-- Views are for everybody who may look; tables are not.
grant select on v_station, v_channel, v_reading, v_latest, v_ledger, v_dead_letter, v_event, v_feed, v_service,
  v_ingest_health, v_alarm, v_alarm_event, v_notification, v_shelf, v_carrier, v_hourly, v_daily, v_import, v_image,
  v_review, v_flag, v_job, v_out_of_service, v_flapping, v_conflict, v_calibration,
  v_alarm_picture, v_breach, v_stage, v_service_visit, v_certificate, v_sample, v_ministry_file, v_limit, v_completeness,
  v_public_alarm,
  v_disclosure,
  v_schedule, v_bulletin, v_bulletin_document
  to quantrac_reader, quantrac_ingest, quantrac_alerts, quantrac_console;

-- What every service does: beat, follow the feed, know the network.
grant select, insert, update, delete on service, consumer to quantrac_ingest, quantrac_alerts, quantrac_console;
grant select on station, channel, change, migration to quantrac_ingest, quantrac_alerts, quantrac_console;
grant insert on audit to quantrac_alerts, quantrac_console;

-- Ingest and quality: readings, books, dead letters.
grant select, insert on reading, reading_flag, station_event, change to quantrac_ingest;
grant select, insert, update on latest, conflict, ledger, dead_letter, ingest_health, job_run, breach to quantrac_ingest;
grant select on correction to quantrac_ingest;
grant select, update (reopened_at, reopened_cause) on sign_off to quantrac_ingest;
grant execute on function day_content(int4, timestamptz, timestamptz) to quantrac_ingest, quantrac_console;
grant execute on function reading_gaps(text, timestamptz, timestamptz) to quantrac_reader, quantrac_ingest, quantrac_console;
grant execute on function reading_time_at(text, timestamptz, timestamptz, int4, boolean),
  reading_count(text, timestamptz, timestamptz) to quantrac_reader, quantrac_console;
grant execute on function blamed_readings(text, timestamptz, timestamptz) to quantrac_reader, quantrac_console;
grant execute on function judged_readings(text, timestamptz, timestamptz)
  to quantrac_reader, quantrac_ingest, quantrac_console;
grant execute on function readings_as_of(int4, timestamptz, timestamptz, timestamptz),
  reading_words(text, timestamptz, timestamptz, timestamptz) to quantrac_reader, quantrac_console;
grant execute on function reading_words(text, timestamptz, timestamptz, timestamptz) to quantrac_alerts;
grant update (config_reported, status_online, status_at) on station to quantrac_ingest;
grant delete on change, ingest_health, job_run, breach to quantrac_ingest;
grant select, insert, update, delete on job to quantrac_ingest;
grant execute on function drop_readings_before(timestamptz), drop_rollups_before(text, timestamptz),
  compress_readings(timestamptz), order_hourly(timestamptz),
  fill_reading(int4, timestamptz, float8, int2, int2, timestamptz) to quantrac_ingest;
grant select, insert, update on hourly, daily, import, channel_interval to quantrac_ingest;
grant select, insert on seconded_reading to quantrac_ingest;
grant execute on function withdraw_readings(int4, timestamptz, timestamptz, timestamptz) to quantrac_ingest;
grant select, insert, delete on owed_day to quantrac_ingest;
grant select, insert, update on lacking to quantrac_ingest;
grant select on network, dropped to quantrac_ingest, quantrac_alerts, quantrac_console;
grant select (time_zone) on network to quantrac_reader; -- whose days certificates end by
grant delete on dead_letter, conflict to quantrac_ingest;
grant select, insert, delete on image, dead_picture, unplaced_reading to quantrac_ingest;
grant select, insert, update, delete on station_clock to quantrac_ingest;

-- Alerts: rules, alarms, the outbox.
grant select on reading, derived_reading, latest, reading_flag, correction, ledger, ingest_health to quantrac_alerts;
grant select, insert, update, delete on rule_state, contact to quantrac_alerts;
grant select on rule_state to quantrac_console;
grant select, insert, update on rule_cursor to quantrac_alerts;
grant select, insert, update on alarm, alarm_event, notification, job_run to quantrac_alerts;
grant update (silent_since) on station to quantrac_alerts;
grant select, insert, update on sms_part, sms_inbound, carrier to quantrac_alerts;
grant delete on sms_part, sms_inbound to quantrac_alerts;
grant select on audit, v_audit to quantrac_alerts;
grant select, insert, update, delete on shelf to quantrac_alerts, quantrac_console;
grant select, insert, update on out_of_service to quantrac_alerts, quantrac_console;
grant select, insert, update, delete on flapping to quantrac_alerts;
grant select, insert, update on alarm_picture to quantrac_alerts;
grant select, insert, update on alarm_publication to quantrac_alerts, quantrac_console;

-- Console: what its people may ask of the desks; back-tests read as alerts does.
grant select on derived_reading, channel_normal to quantrac_console;
grant select on audit, ledger, reading, latest, channel_interval, daily, hourly to quantrac_console;
grant select, insert, update on contact to quantrac_console;
grant select, delete on sms_part, sms_inbound to quantrac_console;
grant select, insert, update on alarm, alarm_event, notification, dead_letter to quantrac_console;
grant select, insert on reading_flag, change to quantrac_console;
grant select, update (undone_by, undone_reason, undone_at) on import to quantrac_console;
grant select, insert, update on correction, review, sign_off to quantrac_console;
grant select, delete on dead_picture to quantrac_console;
grant select, insert on service_visit, service_work, certificate, sample, sample_step, sample_result to quantrac_console;
grant select on v_audit to quantrac_console;
grant select, insert on disclosure, disclosure_part to quantrac_console;
grant select, insert on config_change to quantrac_console;
grant insert, update on station, channel, derived_channel to quantrac_console;
grant update on network to quantrac_console;
grant select, insert, delete on decree_limit to quantrac_console;
grant select, insert on job_run to quantrac_console; -- runs that a person asks for
grant select on job to quantrac_console;
grant delete on derived_channel to quantrac_console;
grant select, insert, update on shift to quantrac_console;
grant select, insert on shift_note to quantrac_console;
grant select, insert, update on saved_view to quantrac_console;
grant select, insert, update on account, api_token to quantrac_console;
grant select, insert, update, delete on account_role, account_link, console_session, sign_in_attempt, role_demand,
  account_totp, account_recovery_code, account_identity to quantrac_console;

-- Derived channels and values.
grant select, insert, update, delete on derived_reading to quantrac_ingest;
grant select on derived_channel to quantrac_ingest, quantrac_alerts, quantrac_console;
grant update (made) on derived_channel to quantrac_ingest;
grant delete on hourly, daily to quantrac_ingest;

-- Rules: what is normal, and what composite rules remember.
grant select, insert, update, delete on channel_normal, composite_state to quantrac_alerts;
grant select on derived_reading, unplaced_reading, station_clock to quantrac_alerts;
grant select, insert, update, delete on books_watched to quantrac_alerts;

-- Files for the ministry: made and sent by `jobs run`, made and owed again by a person.
grant select, insert, update on ministry_file, ministry_sending to quantrac_ingest, quantrac_console;
grant delete on ministry_file to quantrac_ingest;
grant select on ministry_file, ministry_sending to quantrac_alerts;

-- Bulletins: drafts by `jobs run`; words, approval and documents by persons.
grant select, insert, update on bulletin to quantrac_ingest, quantrac_console;
grant select, insert on bulletin_document to quantrac_console;

-- Backups read everything, chunks included, and change nothing.
grant usage on schema public to quantrac_backup;
grant select on all tables in schema public to quantrac_backup;
grant select on all sequences in schema public to quantrac_backup;
