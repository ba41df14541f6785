begin;
set local search_path = public, extensions;
select plan(2);

create table public.prospects (id uuid primary key, courriel text, nom text, updated_at timestamptz not null default clock_timestamp());
select crm_sync.attach('public.prospects', 'lead', array['courriel', 'nom'], $$'lead:' || new.id$$, p_columns => array['id', 'nom']);
insert into public.prospects (id, courriel, nom) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test', 'Ada');
update crm_sync.deliveries
set status = 'delivered', claimed_at = clock_timestamp(), finished_at = clock_timestamp(),
    record = '{"id": "10000000-0000-4000-8000-000000000001", "nom": "Ada"}';
select crm_sync.attach('public.prospects', 'lead', array['courriel', 'nom'], $$'lead:' || new.id$$,
    p_columns => array['id', 'courriel', 'nom']);

select is_empty($$select * from crm_sync.find_missing('public.prospects')$$, 'it was told without the column that is kept now');

alter table public.prospects disable trigger user;
update public.prospects set nom = 'Bob', updated_at = clock_timestamp();
select results_eq(
    $$select reason from crm_sync.find_missing('public.prospects')$$, $$values ('other values')$$,
    'what is missed of those that it told is found');

select * from finish();
rollback;
