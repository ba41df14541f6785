-- A project that had its own tables before us: French names, other types, triggers of its own, a webhook made by hand.
create table public.prospects (
    id          bigint generated always as identity primary key,
    courriel    text,
    telephone   text,
    prenom      text,
    nom         text,
    type_projet text,
    code_postal text,
    origine     text,
    updated_at  timestamptz not null default now()
);

create table public.clients (
    id             uuid primary key default gen_random_uuid(),
    email          text,
    telephone      text,
    nom_complet    text,
    "Type client"  text,
    raison_sociale text
);

create table public.demandes (
    id               uuid primary key default gen_random_uuid(),
    demandeur        uuid references public.clients (id),
    type_raccordement text,
    adresse          text,
    ville            text,
    code_postal      integer,
    puissance        numeric,
    viabilise        boolean,
    suivi_par        uuid references public.clients (id),
    statut           text default 'brouillon',
    updated_at       timestamptz not null default now()
);
alter table public.demandes rename column demandeur to client_id;

create table public.paiements (
    id                 uuid primary key default gen_random_uuid(),
    demande_id         uuid references public.demandes (id),
    stripe_session_id  text,
    payment_intent     text,
    montant            integer,
    devise             text,
    statut             text
);

create table public.commandes (
    id              uuid primary key default gen_random_uuid(),
    numero          text,
    nom_client      text,
    telephone_client text,
    produit         text,
    quantite        integer,
    prix_unitaire   numeric,
    total           numeric,
    statut          text
);

create table public.journal (ligne text);

create function public.horodate() returns trigger language plpgsql as $$ begin new.updated_at := clock_timestamp(); return new; end $$;
create trigger horodate before update on public.prospects for each row execute function public.horodate();
create trigger horodate before update on public.demandes for each row execute function public.horodate();

create function public.previent_le_crm() returns trigger language plpgsql as $$
begin
    perform net.http_post('http://127.0.0.1:9/', to_jsonb(new));
    return new;
end
$$;
create trigger previent_le_crm after insert on public.paiements for each row execute function public.previent_le_crm();
alter table public.paiements disable trigger previent_le_crm;

insert into public.prospects (courriel) values ('ada@example.test'), ('bob@example.test');
insert into public.clients (id, email, nom_complet, "Type client") values ('20000000-0000-4000-8000-000000000001', 'eva@example.test', 'Eva Example', 'particulier');
insert into public.demandes (id, client_id, adresse, statut) values
    ('30000000-0000-4000-8000-000000000001', '20000000-0000-4000-8000-000000000001', '1 rue Example', 'brouillon'),
    ('30000000-0000-4000-8000-000000000002', '20000000-0000-4000-8000-000000000001', '2 rue Example', 'envoyée');
insert into public.paiements (demande_id, stripe_session_id, montant, devise, statut) values
    ('30000000-0000-4000-8000-000000000002', 'cs_test_example', 12000, 'eur', 'succeeded');
insert into public.commandes (numero, telephone_client, quantite, prix_unitaire, total, statut) values ('CMD-000001', '06 00 00 00 09', 1, 10, 10, 'livrée');
