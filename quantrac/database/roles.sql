-- The groups that rights are given to. Roles belong to the cluster, so each is made only where it is absent, and a
-- migration of another database of the cluster may be making it at this moment.
do $roles$
declare
  wanted text;
begin
  foreach wanted in array array['quantrac_owner', 'quantrac_ingest', 'quantrac_alerts', 'quantrac_console', 'quantrac_reader',
    'quantrac_backup'] loop
    if not exists (select from pg_roles where rolname = wanted) then
      begin
        execute format('create role %I nologin', wanted);
      exception when duplicate_object or unique_violation then
        null;
      end;
    end if;
  end loop;
end
$roles$;
