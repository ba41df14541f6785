begin;
set local search_path = public, extensions;
select plan(3);

-- The example of the Standard Webhooks libraries.
select is(
    crm_sync._signatures('msg_p5jXN8AQM9LWM0D4loKWxJek', '1614265330', '{"test": 2432232314}', array['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']),  -- the specification's example
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=', 'a published example');
select is(
    crm_sync._signatures('msg_p5jXN8AQM9LWM0D4loKWxJek', '1614265330', '{"test": 2432232314}', array['MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']),
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=', 'with or without the prefix of the secret');
select is(
    crm_sync._signatures('a', '1', 'é', array['whsec_b25l', 'whsec_dHdv']),
    'v1,' || encode(extensions.hmac('a.1.é'::bytea, 'one'::bytea, 'sha256'), 'base64') || ' v1,'
        || encode(extensions.hmac(convert_to('a.1.é', 'UTF8'), 'two', 'sha256'), 'base64'),
    'one for each secret, during a rotation');

select * from finish();
rollback;
