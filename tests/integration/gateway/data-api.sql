-- What the data API's tests call: one table under row level security, and functions of every shape.

create table public.notes (
    id     bigint generated always as identity primary key,
    owner  uuid default auth.uid(),
    label  text not null unique,
    amount numeric default 1.50
);
alter table public.notes enable row level security;
revoke all on public.notes from anon, authenticated;
grant select, insert, update, delete on public.notes to authenticated, service_role;
create policy own_notes on public.notes to authenticated using (owner = auth.uid()) with check (owner = auth.uid());

create table public.paid_notes (
    note_id bigint references public.notes (id)
);
grant all on public.paid_notes to service_role;

create function public.add(a integer, b integer default 10) returns integer language sql as $$ select a + b $$;
create function public.caller() returns jsonb language sql stable as $$
    select jsonb_build_object('role', current_user, 'claims', auth.jwt())
$$;
create function public.labels(p_ids bigint[]) returns setof text language sql stable as $$
    select label from public.notes where id = any (p_ids) order by id
$$;
create function public.note_list() returns table (id bigint, label text) language sql stable as $$
    select n.id, n.label from public.notes n order by n.id
$$;
create function public.one_note(p_label text) returns public.notes language sql stable as $$
    select * from public.notes where label = p_label
$$;
create function public.touch(p_label text) returns void language sql as $$
    update public.notes set amount = amount where label = p_label
$$;
create function public.fail(p_state text) returns void language plpgsql as $$
begin
    raise exception 'asked to fail' using errcode = p_state, detail = 'the detail', hint = 'the hint';
end
$$;
create function public.administrators_only() returns integer language sql as $$ select 1 $$;
revoke execute on function public.administrators_only() from public, anon, authenticated;
