begin;
set local search_path = public, extensions;
select plan(5);

create extension if not exists hstore with schema extensions;
create extension if not exists ltree with schema extensions;
create extension if not exists citext with schema extensions;
create domain public.shelf as ltree;
create type public.shelves as range (subtype = ltree);
create type public.mood as enum ('sad', 'happy');
create domain public.temper as mood;
create table public.goods (id int primary key, tags hstore, place ltree, shelf shelf, shelves shelves, places ltree[], email citext, mood mood, temper temper);
select lives_ok(
    $$select crm_sync.attach('public.goods', 'lead', array['tags', 'place', 'shelf', 'shelves', 'places', 'email', 'mood', 'temper'], $_$'g:' || new.id$_$)$$,
    'their equality is out of the engine''s search_path');
insert into goods values (1, 'a=>1', 'top.left', 'top.left', '[a,b]', '{top.left}', 'ada@example.test', 'sad', 'sad');
update goods set tags = 'a=>1', place = 'top.left', shelf = 'top.left', shelves = '[a,b]', places = '{top.left}', email = 'ada@example.test', mood = 'sad', temper = 'sad';
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now()), 1, 'the same values again are no change');

update goods set tags = 'a=>2';
update goods set place = 'top.right';
update goods set shelf = 'top.right';
update goods set shelves = '[a,c]';
update goods set places = '{top.left,top.right}';
update goods set email = 'eva@example.test';
update goods set mood = 'happy';
update goods set temper = 'happy';
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now()), 9, 'each column''s change is one');
update goods set email = 'Eva@example.test';
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now()), 10, 'also of the case alone: the receiver sees it');
select is_empty($$select capture_failure_id from crm_sync.capture_failures$$, 'without a failure');

select * from finish();
rollback;
