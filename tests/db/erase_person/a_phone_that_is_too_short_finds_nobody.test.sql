begin;
set local search_path = public, extensions;
select plan(6);

insert into leads (id, email, phone) values
    ('10000000-0000-4000-8000-000000000001', 'ada@example.test', '06 12 34 56 78'), ('10000000-0000-4000-8000-000000000002', 'bob@example.test', '0');

select throws_ok(
    format('select * from crm_sync.%s(%s)', called, arguments), 'CS026', 'whom? An email, or a phone of at least six digits, finds a person',
    called || ' ' || arguments || ', beside an email too')
from (values
    ('erase_person', $$'ada@example.test', '0', p_count_only => false$$), ('erase_person', $$'ada@example.test', 'none'$$),
    ('export_person', $$'ada@example.test', '12 345'$$)) as calls (called, arguments);
select is_empty($$select from crm_sync.operations where action = 'erase_person'$$, 'and nothing is erased');
select results_eq($$select row_id from crm_sync.erase_person('ada@example.test', ' ')$$, $$values ('10000000-0000-4000-8000-000000000001')$$, 'a blank one is none');
select results_eq(
    $$select row_id from crm_sync.erase_person('nobody@example.test', '612 345 678')$$,
    $$values ('10000000-0000-4000-8000-000000000001')$$, 'one that is long enough counts beside an email');

select * from finish();
rollback;
