-- The table of a contender: columns, indexes and policies of the sample application's leads, and no trigger.
create schema if not exists bench;
drop table if exists bench.:name cascade;
create table bench.:name (like public.leads including all);
alter table bench.:name enable row level security;
