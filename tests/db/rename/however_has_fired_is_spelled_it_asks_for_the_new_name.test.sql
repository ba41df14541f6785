begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = false;

create table bills (id int primary key, label text);
select crm_sync.define_route(routes.route, 'event', 'monelec')
from unnest(array['spaced', 'shouted', 'named', 'asked_by_transition']) as routes (route);
select crm_sync.attach('bills', 'spaced', array['label'], 'new.id', $$not crm_sync.has_fired( 'public.bills' , new.id::text, 'spaced')$$);
select crm_sync.attach('bills', 'shouted', array['label'], 'new.id', $$not CRM_SYNC.HAS_FIRED ('public.bills', new.id::text, 'shouted')$$);
select crm_sync.attach('bills', 'named', array['label'], 'new.id',
    $$not crm_sync.has_fired(p_row_id => new.id::text, p_route => 'named', p_table_name => 'public.bills')$$);
select crm_sync.attach('bills', 'asked_by_transition', array['label'], 'new.id',
    p_transition => $$not crm_sync.has_fired(
        'public.bills', new.id::text, 'asked_by_transition')$$);
insert into bills values (1, 'one');
alter table bills rename to invoices;
select from crm_sync.reattach();
update invoices set label = 'one, corrected';
select results_eq(
    $$select route, count(*) from crm_sync.deliveries where table_name = 'public.invoices' group by route order by route$$,
    $$values ('asked_by_transition', 1::bigint), ('named', 1), ('shouted', 1), ('spaced', 1)$$, 'none is told twice');
select is_empty(
    $$select from crm_sync.attachments where concat(condition, transition) like '%public.bills%'$$, 'none asks by the old name');

select * from finish();
rollback;
