begin;
set local search_path = public, extensions;
select plan(3);
update crm_sync.settings set is_running = false;

create table notes (id int primary key, body text, created_at timestamptz default clock_timestamp(), updated_at timestamptz);
select crm_sync.attach('notes', 'lead', '{body}', $$'note:' || new.id$$);
insert into notes values (1, 'never updated', clock_timestamp() - interval '2 hours', null), (2, 'updated', clock_timestamp() - interval '2 hours', clock_timestamp()),
                         (3, 'never updated', clock_timestamp() - interval '1 minute', null);
update crm_sync.attachments set attached_at = now() - interval '1 day' where table_name = 'public.notes';
delete from crm_sync.deliveries;
select bag_eq(
    $$select row_id, reason from crm_sync.find_missing('notes')$$,
    $$values ('1', 'no delivery'), ('2', 'no delivery'), ('3', 'no delivery')$$, 'it was changed when it was created');
select bag_eq(
    $$select row_id from crm_sync.find_missing('notes', now() - interval '1 hour')$$, $$values ('2'), ('3')$$, 'so it counts from then');
select results_eq(
    $$select table_name, missing_count, repaired_count from crm_sync.repair_missing()$$, $$values ('public.notes', 3, 3)$$, 'and is repaired');

select * from finish();
rollback;
