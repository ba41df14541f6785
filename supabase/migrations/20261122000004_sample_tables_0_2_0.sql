-- Generated from sql/app/ by npm run migrations: from 0.1.0 to 0.2.0. Change the source, not this file.

-- sql/app/tables.sql

create policy nobody_until_the_application_says_who on public.leads using (false);

create policy nobody_until_the_application_says_who on public.customers using (false);

create policy nobody_until_the_application_says_who on public.requests using (false);

create policy nobody_until_the_application_says_who on public.payments using (false);

create policy nobody_until_the_application_says_who on public.orders using (false);
