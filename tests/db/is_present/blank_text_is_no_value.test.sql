begin;
set local search_path = public, extensions;
select plan(8);

select is(crm_sync.is_present(value), expected, case_name)
from (values
    ('null', null, false), ('empty', '', false), ('spaces', '   ', false), ('tab and line ends', e'\t\r\n\f\u000b', false),
    ('a no-break space', e'\u00a0', false), ('a letter', 'a', true), ('a zero', '0', true), ('a word between spaces', '  x ', true)
) as cases (case_name, value, expected);

select * from finish();
rollback;
