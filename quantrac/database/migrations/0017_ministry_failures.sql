-- Why a file for the ministry was not taken: whoever looks after the files does something else for each.
alter table ministry_sending add column failure text
  constraint ministry_sending_failure check (failure in ('away', 'refused', 'full'));
comment on column ministry_sending.failure is
  'of the last attempt: the server was not reached, did not take this file, had no room; null: it did not fail, or none was made';
