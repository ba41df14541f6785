-- The ledger is kept as pg_net keeps its own tables: a crash empties it.
alter table crm_sync.deliveries set unlogged;
