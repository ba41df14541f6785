begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

create table public.notes (id int primary key, body text);
select crm_sync.attach('public.notes', 'lead', array['body'], $$'note:' || new.id$$);
select throws_ok(
    $$select crm_sync.find_missing('public.notes')$$, 'CS022', 'public.notes has neither updated_at nor created_at', 'what changed when is not known');

select * from finish();
rollback;
