-- What a test beyond one channel merely suspects keeps no alarm from rising, also by way of a value made of it: alarms
-- read this quality in place of the one that people see.
alter table derived_reading add column undoubted int2 check (undoubted in (1, 2, 3, 4, 9));
comment on column derived_reading.undoubted is
  'quality without what tests of devices and stations merely suspect of its inputs; null: as quality';
