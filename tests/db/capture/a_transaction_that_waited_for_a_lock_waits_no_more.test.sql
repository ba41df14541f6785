begin;
set local search_path = public, extensions;
select plan(2);

create temporary table waits (lock_timeout text) on commit drop;
create function pg_temp.see() returns trigger language plpgsql as $$
begin
    insert into pg_temp.waits values (current_setting('lock_timeout'));
    return null;
end $$;
create function pg_temp.fail() returns trigger language plpgsql as $$
begin
    raise exception using errcode = tg_argv[0];
end $$;
create trigger see after insert on crm_sync.deliveries for each statement execute function pg_temp.see();

create trigger fail before insert on crm_sync.deliveries for each statement execute function pg_temp.fail('P0001');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
drop trigger fail on crm_sync.deliveries;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
select results_eq('select * from pg_temp.waits', array['200ms'], 'whatever else fails, a lock is waited for');

create trigger fail before insert on crm_sync.deliveries for each statement execute function pg_temp.fail('55P03');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000003', 'eve@example.test');
drop trigger fail on crm_sync.deliveries;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000004', 'dan@example.test');
select results_eq('select * from pg_temp.waits', array['200ms', '1ms'], 'after one that was waited for in vain it is not');

select * from finish();
rollback;
