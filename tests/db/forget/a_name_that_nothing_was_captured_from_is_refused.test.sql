begin;
set local search_path = public, extensions;
select plan(4);
update crm_sync.settings set is_running = false;

insert into leads (email) values ('ada@example.test');
drop table leads cascade;
select throws_ok(
    $$select crm_sync.forget('leads')$$, 'CS055', 'nothing was ever captured from "leads"', 'one that is not written in full');
select throws_ok(
    $$select crm_sync.forget('public.leeds')$$, 'CS055', 'nothing was ever captured from "public.leeds"', 'one that is misspelt');
select is_empty($$select from crm_sync.operations where action = 'forget'$$, 'no operation is written down');
select from crm_sync.forget('public.leads');
select lives_ok($$select crm_sync.forget('public.leads')$$, 'one that is forgotten can be forgotten again while there are deliveries of it');

select * from finish();
rollback;
