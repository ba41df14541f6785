begin;
set local search_path = public, extensions;
select plan(15);

create temp table cases (case_name text, keys text[], bytes int[], failures int[], max_deliveries int, max_bytes int, max_envelopes int, expected int[]);
insert into cases values
    ('nothing',                          '{}',        '{}',           '{}',        10, 100, 5, '{}'),
    ('all fit into one',                 '{a,b,c}',   '{10,10,10}',   '{0,0,0}',   10, 100, 5, '{1,1,1}'),
    ('as many as allowed',               '{a,b,c}',   '{10,10,10}',   '{0,0,0}',    2, 100, 5, '{1,1,2}'),
    ('as many bytes as allowed',         '{a,b,c}',   '{50,50,1}',    '{0,0,0}',   10, 100, 5, '{1,1,2}'),
    ('a large one travels alone',        '{a,b,c}',   '{10,500,10}',  '{0,0,0}',   10, 100, 5, '{1,2,3}'),
    ('no envelope is left',              '{a,b,c}',   '{60,60,60}',   '{0,0,0}',   10, 100, 2, '{1,2,null}'),
    ('a small one still finds room',     '{a,b,c}',   '{60,60,30}',   '{0,0,0}',   10, 100, 1, '{1,null,1}'),
    ('a key stays together',             '{a,a,b}',   '{10,10,10}',   '{0,0,0}',   10, 100, 5, '{1,1,1}'),
    ('the rest of a key waits',          '{a,a,a,b}', '{10,10,10,1}', '{0,0,0,0}',  2, 100, 5, '{1,1,null,2}'),
    ('all of the rest of it',            '{a,a,a,b}', '{60,60,1,1}',  '{0,0,0,0}', 10, 100, 5, '{1,null,null,1}'),
    ('one failure halves',               '{a,b,c,d}', '{1,1,1,1}',    '{1,1,1,1}',  4, 100, 5, '{1,1,2,2}'),
    ('two quarter',                      '{a,b,c,d}', '{1,1,1,1}',    '{2,2,2,2}',  4, 100, 5, '{1,2,3,4}'),
    ('many failures mean alone',         '{a,b,c}',   '{1,1,1}',      '{0,99,0}', 100, 100, 5, '{1,2,3}'),
    ('the most cautious one decides',    '{a,b,c,d}', '{1,1,1,1}',    '{0,1,0,0}',  4, 100, 5, '{1,1,2,2}'),
    ('a key cut for want of envelopes',  '{a,b,b,c}', '{60,60,1,1}',  '{0,0,0,0}', 10, 100, 1, '{1,null,null,1}');

select is(crm_sync._pack(keys, bytes, failures, max_deliveries, max_bytes, max_envelopes), expected, case_name)
from cases;

select * from finish();
rollback;
