begin;
set local search_path = public, extensions;
select plan(3);

create table public.oddities (id int primary key, document json, markup xml, place point, tags text[], box box, span int4range, kept jsonb);
select crm_sync.attach('public.oddities', 'lead', array['document', 'markup', 'place', 'tags', 'box', 'span', 'kept'], $$'o:' || new.id$$);
insert into oddities values (1, '{"a":1}', '<a/>', '(1,2)', '{x}', '((1,1),(0,0))', '[1,2)', '{"a":1}');
update oddities set document = '{"a":1}', markup = '<a/>', place = '(1,2)', tags = '{x}', box = '((1,1),(0,0))', span = '[1,1]', kept = '{ "a": 1 }';
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now()), 1, 'the same values again are no change');

update oddities set document = '{"a":2}';
update oddities set markup = '<b/>';
update oddities set place = '(1,3)';
update oddities set tags = '{x,y}';
update oddities set box = '((2,2),(1,1))';
update oddities set span = '[1,3)';
update oddities set kept = '{"a":2}';
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now()), 8, 'each column''s change is one');
select is_empty($$select capture_failure_id from crm_sync.capture_failures$$, 'without a failure');

select * from finish();
rollback;
