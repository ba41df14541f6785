-- Which table bears an attached name is known from now on. The migration ends with a reattach(), which notes it.
-- instead of: create table crm_sync.attachments (
alter table crm_sync.attachments add column if not exists attached_table regclass;
