begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = false;

create table public.owners (id int primary key, email text);
create table public.meters (id bytea primary key, owner_id int, value float8);
select crm_sync.attach('public.meters', 'lead', array['value'], $$'meter:' || new.id::text$$,
    p_joined => $$jsonb_build_object('email', (select owners.email from public.owners where owners.id = this.owner_id))$$);
select crm_sync.attach_related('public.owners', 'lead', 'public.meters', array['email'],
    $$select meters.id::text from public.meters where meters.owner_id = new.id$$);
insert into public.owners values (1, 'ada@example.test');
insert into public.meters values ('\x00ff', 1, 0.5);
update public.owners set email = 'ada@corrected.test';
set local timezone = 'America/New_York';
set local datestyle = 'SQL, DMY';
set local extra_float_digits = -15;
set local intervalstyle = 'sql_standard';
set local bytea_output = 'escape';
select crm_sync.tick();
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now()), 1, 'the one that waits will read the correction');

select is(
    (select array_agg(right(telling.row_id, 4)) from crm_sync.erase('public.owners', '1') join crm_sync.deliveries as telling using (delivery_id)),
    array['00ff'], 'and an owner is erased from it');

select * from finish();
rollback;
