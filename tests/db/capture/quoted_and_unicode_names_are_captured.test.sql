begin;
set local search_path = public, extensions;
select plan(1);

create schema "Bureau d'études";
create table "Bureau d'études"."Ventes ""été"" %s" ("N°" int primary key, "Montant €" numeric, "select" text, "a.b" text);
select crm_sync.attach(
    $$"Bureau d'études"."Ventes ""été"" %s"$$, 'order_confirmation', array['Montant €', 'select', 'a.b'], $$'vente:' || new."N°"$$);
insert into "Bureau d'études"."Ventes ""été"" %s" values (1, 12.50, 'x', 'y');
update "Bureau d'études"."Ventes ""été"" %s" set "a.b" = 'z';

select results_eq(
    $$select table_name, operation, row_id, ordering_key, record::text from crm_sync.deliveries
      where captured_at >= now() order by delivery_id$$,
    $$values ('"Bureau d''études"."Ventes ""été"" %s"', 'INSERT', '1', 'vente:1',
              '{"N°": 1, "a.b": "y", "select": "x", "Montant €": 12.50}'),
             ('"Bureau d''études"."Ventes ""été"" %s"', 'UPDATE', '1', 'vente:1',
              '{"N°": 1, "a.b": "z", "select": "x", "Montant €": 12.50}')$$,
    'whatever the names of schema, table and columns');

select * from finish();
rollback;
