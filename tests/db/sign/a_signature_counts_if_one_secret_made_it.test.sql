begin;
set local search_path = public, extensions;
select plan(12);

select is(crm_sync._is_signed_by_us(id, stamp, signatures, body, secrets), expected, case_name)
from (
    select 'a'::text as id, '1'::text as stamp, '{}'::text as body, array['whsec_b25l', 'whsec_dHdv'] as secrets,
           crm_sync._signatures('a', '1', '{}', array['whsec_b25l']) as one, crm_sync._signatures('a', '1', '{}', array['whsec_dHdv']) as two,
           crm_sync._signatures('a', '1', '{}', array['whsec_dGhyZWU=']) as three
) as made
cross join lateral (values
    ('made with the first secret', one, true),
    ('made with the second', two, true),
    ('one of several', three || '  ' || two, true),
    ('made with another secret', three, false),
    ('of another scheme', replace(one, 'v1,', 'v2,'), false),
    ('cut off', left(one, 20), false),
    ('empty', '', false),
    ('absent', null, false)
) as cases (case_name, signatures, expected);
select is(crm_sync._is_signed_by_us('a', '1', crm_sync._signatures('a', '1', '{}', array['whsec_b25l']), '{ }', array['whsec_b25l']), false, 'of another body');
select is(crm_sync._is_signed_by_us('a', '2', crm_sync._signatures('a', '1', '{}', array['whsec_b25l']), '{}', array['whsec_b25l']), false, 'of another time');
select is(crm_sync._is_signed_by_us('b', '1', crm_sync._signatures('a', '1', '{}', array['whsec_b25l']), '{}', array['whsec_b25l']), false, 'of another id');
select is(crm_sync._is_signed_by_us('a', '1', crm_sync._signatures('a', '1', '{}', array['whsec_b25l']), '{}', null), false, 'without secrets nothing is ours');

select * from finish();
rollback;
