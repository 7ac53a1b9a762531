-- Who may act: accounts, their roles, what proves who somebody is. Of every secret only a hash.

create table account (
  account_id     bigint generated always as identity primary key,
  login          text not null unique check (login ~ '^[a-z0-9][a-z0-9._@-]{1,79}$'),
  name           text not null check (name <> ''),
  password_hash  text,
  created_at     timestamptz not null,
  disabled_at    timestamptz
);
comment on column account.password_hash is 'argon2id; null: none yet, an invitation waits';

create table account_role (
  account_id  bigint not null references account,
  role        text not null check (role in ('viewer', 'operator', 'technician', 'data_officer', 'administrator')),
  stations    text[] check (cardinality(stations) > 0),
  primary key (account_id, role)
);
comment on column account_role.stations is 'null: all stations';

create table account_link (
  link_hash   bytea primary key,
  account_id  bigint not null references account,
  purpose     text not null check (purpose in ('password', 'sign in')),
  expires_at  timestamptz not null
);
comment on table account_link is 'a password link is used once; a sign-in link, which the demo makes, until it expires';

create table console_session (
  session_hash  bytea primary key,
  account_id    bigint not null references account,
  address       text,
  created_at    timestamptz not null,
  used_at       timestamptz not null,
  is_proven     boolean not null default false,
  issuer        text
);
comment on column console_session.issuer is 'the OpenID Connect provider that opened it; null: a password or a link did';
comment on column console_session.is_proven is 'its person gave a second factor';
create index console_session_account on console_session (account_id);

create table sign_in_attempt (
  sign_in_attempt_id  bigint generated always as identity primary key,
  at                  timestamptz not null,
  login               text not null,
  address             text not null,
  failed              boolean not null
);
create index sign_in_attempt_at on sign_in_attempt (at);

create table api_token (
  api_token_id  bigint generated always as identity primary key,
  name          text not null unique check (name <> ''),
  token_hash    bytea not null unique,
  scopes        text[] not null check (cardinality(scopes) > 0),
  stations      text[] check (cardinality(stations) > 0),
  created_at    timestamptz not null,
  created_by    text not null,
  expires_at    timestamptz not null,
  revoked_at    timestamptz,
  used_at       timestamptz
);
comment on table api_token is 'what programs prove themselves with; scopes are acts of the matrix of roles, stations null: all';

create table role_demand (
  role  text primary key check (role in ('viewer', 'operator', 'technician', 'data_officer', 'administrator'))
);
comment on table role_demand is 'roles whose people must have a second factor';

create table account_totp (
  account_id    bigint primary key references account,
  secret        bytea,
  pending       bytea,
  used_step     bigint not null default 0,
  confirmed_at  timestamptz,
  check ((secret is null) = (confirmed_at is null))
);
comment on table account_totp is 'secrets of second factors (RFC 6238), sealed with a key that the database does not have';
comment on column account_totp.pending is 'shown as a QR code; no code of it was heard yet';
comment on column account_totp.used_step is 'newest step of 30 s whose code was used: none is heard twice';

create table account_recovery_code (
  account_id  bigint not null references account,
  code_hash   bytea not null,
  primary key (account_id, code_hash)
);
comment on table account_recovery_code is 'each lets in once in place of a second factor';

create table account_identity (
  issuer      text not null,
  kind        text not null check (kind in ('subject', 'email')),
  value       text not null check (value <> ''),
  account_id  bigint not null references account,
  by_groups   boolean not null default false,
  primary key (issuer, kind, value)
);
create index account_identity_account on account_identity (account_id);
comment on table account_identity is 'who an account is at an OpenID Connect provider; an email gives way to the subject at the first sign-in';
comment on column account_identity.by_groups is 'the account was made for groups at the provider, which say its roles at each sign-in';
