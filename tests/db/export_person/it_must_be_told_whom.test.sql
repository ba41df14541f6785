begin;
set local search_path = public, extensions;
select plan(4);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

select throws_ok(format('select * from crm_sync.%s(%s)', called, arguments), 'CS026', 'whom? An email, or a phone of at least six digits, finds a person', called || ' ' || arguments)
from (values ('export_person', ''), ('export_person', $$' ', '123 45'$$), ('erase_person', ''), ('erase_person', $$p_phone => 'none'$$)) as calls (called, arguments);

select * from finish();
rollback;
