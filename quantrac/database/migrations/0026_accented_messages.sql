-- Short messages with diacritics, for whoever asks for them: they cost more parts.

alter table contact add column accented bool not null default false;
comment on column contact.accented is 'short messages in Vietnamese with diacritics (UCS-2: 70 signs a part, not 160)';
