begin;
set local search_path = public, extensions;
select plan(1);

create table public.visits (id int primary key, label text);
select throws_ok(
    $$select crm_sync.attach('public.visits', 'lead', array['label'], '''visit:'' || new.id', p_joined => 'jsonb_build_object(''a'', this.lable)')$$,
    'CS004', 'public.visits can not be attached: column this.lable does not exist', 'not at the first claim');

select * from finish();
rollback;
