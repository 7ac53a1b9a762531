-- Comparisons of channels that people keep under a name; one that is removed stays on record.
create table saved_view (
  view_id       int generated always as identity primary key,
  name          text not null,
  left_axis     text[] not null,
  right_axis    text[] not null,
  hours         float8,
  from_t        timestamptz,
  to_t          timestamptz,
  person        text not null,
  at            timestamptz not null,
  removed_at    timestamptz
);
comment on column saved_view.left_axis is 'channels, in the order of the picture';
comment on column saved_view.hours is 'up to now; null with from_t and to_t: a stretch that stays; null without: as the page opens';
create unique index saved_view_name on saved_view (lower(name)) where removed_at is null;
