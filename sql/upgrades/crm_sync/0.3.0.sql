-- Which table bears an attached name is known from now on. The migration ends with a reattach(), which notes it.
-- instead of: create table crm_sync.attachments (
alter table crm_sync.attachments add column if not exists attached_table regclass;

-- Evidence before exhaustion goes by the route: an endpoint that is out for days says nothing of what it was to take.
-- instead of: create table crm_sync.routes (
alter table crm_sync.routes add column if not exists last_delivered_at timestamptz;
