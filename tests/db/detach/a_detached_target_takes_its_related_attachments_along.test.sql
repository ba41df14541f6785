begin;
set local search_path = public, extensions;
select plan(2);

select crm_sync.detach('public.requests', 'request');
select is_empty($$select * from crm_sync.related_attachments$$, 'nothing hangs in the air');
select lives_ok($$update customers set phone = '06'$$, 'customers can be written');

select * from finish();
rollback;
