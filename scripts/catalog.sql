-- What a database says of the schemas $1, one property of one object a row, sorted, without oids and
-- without what a re-install may change (order of columns, of grants). Runs on Postgres 15 to 18.
-- Objects of extensions are left out. Run with an empty search_path, so that every name is written in full.
with
wanted as (
    select n.oid, n.nspname, n.nspowner, n.nspacl
    from pg_catalog.pg_namespace n
    where n.nspname = any ($1::text[])
),
foreign_owned as (
    select d.classid, d.objid
    from pg_catalog.pg_depend d
    where d.deptype = 'e'
),
relations as (
    select c.*, format('%I.%I', w.nspname, c.relname) as name,
           case c.relkind
               when 'r' then 'table' when 'p' then 'table' when 'v' then 'view'
               when 'm' then 'materialized view' when 'S' then 'sequence'
               when 'f' then 'foreign table' when 'c' then 'type'
           end as kind
    from pg_catalog.pg_class c
    join wanted w on w.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'c')
      and ('pg_catalog.pg_class'::regclass, c.oid) not in (select * from foreign_owned)
),
attributes as (
    select a.*, r.name || '.' || quote_ident(a.attname) as name, r.relowner, r.kind as of_kind
    from pg_catalog.pg_attribute a
    join relations r on r.oid = a.attrelid
    where a.attnum > 0
      and not a.attisdropped
      and r.relkind <> 'S'
),
functions as (
    select p.*, format('%I.%I(%s)', w.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as name
    from pg_catalog.pg_proc p
    join wanted w on w.oid = p.pronamespace
    where ('pg_catalog.pg_proc'::regclass, p.oid) not in (select * from foreign_owned)
),
types as (
    select t.*, format('%I.%I', w.nspname, t.typname) as name
    from pg_catalog.pg_type t
    join wanted w on w.oid = t.typnamespace
    where (t.typtype in ('d', 'e', 'r') or t.typtype = 'c' and t.typrelid in (select r.oid from relations r where r.relkind = 'c'))
      and ('pg_catalog.pg_type'::regclass, t.oid) not in (select * from foreign_owned)
),
constraints as (
    select c.*, quote_ident(c.conname) || ' on ' || coalesce(r.name, t.name) as name
    from pg_catalog.pg_constraint c
    left join relations r on r.oid = c.conrelid
    left join types t on t.oid = c.contypid
    where c.contype <> 'n' -- Postgres 18 keeps "not null" here too
      and coalesce(r.name, t.name) is not null
),
indexes as (
    select i.*, quote_ident(c.relname) || ' on ' || r.name as name, c.relowner
    from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid = i.indexrelid
    join relations r on r.oid = i.indrelid
),
triggers as (
    select t.*, quote_ident(t.tgname) || ' on ' || r.name as name
    from pg_catalog.pg_trigger t
    join relations r on r.oid = t.tgrelid
    where not t.tgisinternal
),
policies as (
    select p.*, quote_ident(p.polname) || ' on ' || r.name as name
    from pg_catalog.pg_policy p
    join relations r on r.oid = p.polrelid
),
rules as (
    select u.*, quote_ident(u.rulename) || ' on ' || r.name as name
    from pg_catalog.pg_rewrite u
    join relations r on r.oid = u.ev_class
    where u.rulename <> '_RETURN'
),
extended_statistics as (
    select s.*, format('%I.%I', w.nspname, s.stxname) as name
    from pg_catalog.pg_statistic_ext s
    join wanted w on w.oid = s.stxnamespace
),
definitions (object, property, value) as (
    select r.kind || ' ' || r.name, property, value
    from relations r
    cross join lateral (
        values
            ('exists', 'yes'),
            ('persistence', case r.relpersistence when 'p' then 'logged' when 'u' then 'unlogged' else 'temporary' end),
            ('options', (select string_agg(o, ', ' order by o) from unnest(r.reloptions) as o)),
            (
                'toast options',
                (
                    select string_agg(o, ', ' order by o)
                    from pg_catalog.pg_class t, unnest(t.reloptions) as o
                    where t.oid = r.reltoastrelid
                )
            ),
            ('row level security', nullif(concat_ws(', ', case when r.relrowsecurity then 'enabled' end, case when r.relforcerowsecurity then 'forced' end), '')),
            ('replica identity', case when r.relkind in ('r', 'p') then r.relreplident::text end),
            ('partition key', case when r.relkind = 'p' then pg_get_partkeydef(r.oid) end),
            ('partition bound', pg_get_expr(r.relpartbound, r.oid)),
            ('query', case when r.relkind in ('v', 'm') then pg_get_viewdef(r.oid) end)
    ) as properties (property, value)
    where r.relkind <> 'c'
    union all
    select 'table ' || r.name, 'inherits', i.inhparent::regclass::text
    from relations r
    join pg_catalog.pg_inherits i on i.inhrelid = r.oid
    union all
    select 'sequence ' || r.name, 'numbers',
           format('%s from %s by %s, %s to %s, cache %s%s', format_type(s.seqtypid, null), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, case when s.seqcycle then ', cycle' end)
    from pg_catalog.pg_sequence s
    join relations r on r.oid = s.seqrelid
    union all
    select 'sequence ' || r.name, 'owned by', a.name
    from relations r
    join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_class'::regclass and d.objid = r.oid and d.deptype in ('a', 'i')
    join attributes a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    where r.relkind = 'S'
    union all
    select 'column ' || a.name, property, value
    from attributes a
    left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    left join pg_catalog.pg_type t on t.oid = a.atttypid
    cross join lateral (
        values
            ('type', format_type(a.atttypid, a.atttypmod)),
            ('nullable', case when a.attnotnull then 'no' else 'yes' end),
            ('default', case when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end),
            ('generated', case when a.attgenerated <> '' then a.attgenerated::text || ': ' || pg_get_expr(d.adbin, d.adrelid) end),
            ('identity', case a.attidentity when 'a' then 'always' when 'd' then 'by default' end),
            ('collation', case when a.attcollation <> t.typcollation then a.attcollation::regcollation::text end),
            ('storage', case when a.attstorage <> t.typstorage then a.attstorage::text end),
            ('compression', nullif(a.attcompression::text, '')),
            ('statistics', nullif(a.attstattarget, -1)::text),
            ('options', a.attoptions::text)
    ) as properties (property, value)
    union all
    select 'constraint ' || name, 'definition', pg_get_constraintdef(oid) from constraints
    union all
    select 'index ' || name, 'definition',
           pg_get_indexdef(indexrelid) || case when indisvalid then '' else ' (invalid)' end || case when indisclustered then ' (clustered)' else '' end
    from indexes
    union all
    select 'trigger ' || name, 'definition', pg_get_triggerdef(oid) from triggers
    union all
    select 'trigger ' || name, 'enabled',
           case tgenabled when 'O' then 'yes' when 'D' then 'no' when 'R' then 'on replicas' when 'A' then 'always' end
    from triggers
    union all
    select 'rule ' || name, 'definition', pg_get_ruledef(oid) from rules
    union all
    select 'statistics ' || name, 'definition', pg_get_statisticsobjdef(oid) from extended_statistics
    union all
    select 'policy ' || p.name, property, value
    from policies p
    cross join lateral (
        values
            ('for', case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end),
            ('kind', case when p.polpermissive then 'permissive' else 'restrictive' end),
            ('to', (select string_agg(case role when 0 then 'public' else role::regrole::text end, ', ' order by role::regrole::text collate "C") from unnest(p.polroles) as role)),
            ('using', pg_get_expr(p.polqual, p.polrelid)),
            ('with check', pg_get_expr(p.polwithcheck, p.polrelid))
    ) as properties (property, value)
    union all
    -- The definition holds body, settings, volatility, security, parallel safety, cost and leakproofness.
    select 'function ' || name, 'definition', case when prokind = 'a' then 'aggregate' else pg_get_functiondef(oid) end
    from functions
    union all
    select 'type ' || t.name, property, value
    from types t
    cross join lateral (
        values
            ('kind', case t.typtype when 'c' then 'composite' when 'd' then 'domain' when 'e' then 'enum' else 'range' end),
            ('labels', (select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder) from pg_catalog.pg_enum e where e.enumtypid = t.oid)),
            ('base', case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end),
            ('nullable', case when t.typtype = 'd' and t.typnotnull then 'no' end),
            ('default', t.typdefault),
            ('subtype', (select format_type(g.rngsubtype, null) from pg_catalog.pg_range g where g.rngtypid = t.oid))
    ) as properties (property, value)
    union all
    select 'schema ' || quote_ident(nspname), 'exists', 'yes' from wanted
    union all
    select 'extension ' || quote_ident(e.extname), 'schema', e.extnamespace::regnamespace::text
    from pg_catalog.pg_extension e
),
owners (object, owner) as (
    select 'schema ' || quote_ident(nspname), nspowner from wanted
    union all
    select kind || ' ' || name, relowner from relations where relkind <> 'c'
    union all
    select 'function ' || name, proowner from functions
    union all
    select 'type ' || name, typowner from types
),
-- No ACL at all means the default one; both are written out, so that they compare.
acls (object, acl) as (
    select 'schema ' || quote_ident(nspname), coalesce(nspacl, acldefault('n', nspowner)) from wanted
    union all
    select kind || ' ' || name, coalesce(relacl, acldefault(case relkind when 'S' then 's'::"char" else 'r'::"char" end, relowner))
    from relations
    where relkind <> 'c'
    union all
    select 'column ' || name, attacl from attributes where attacl is not null
    union all
    select 'function ' || name, coalesce(proacl, acldefault('f', proowner)) from functions
    union all
    select 'type ' || name, coalesce(typacl, acldefault('T', typowner)) from types
    union all
    select format(
               'default privileges of %s%s on %s',
               d.defaclrole::regrole,
               case when d.defaclnamespace = 0 then '' else ' in schema ' || d.defaclnamespace::regnamespace end,
               case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types' when 'n' then 'schemas' else d.defaclobjtype::text end
           ),
           d.defaclacl
    from pg_catalog.pg_default_acl d
    where d.defaclnamespace = 0
       or d.defaclnamespace in (select oid from wanted)
),
grants (object, property, value) as (
    select a.object,
           'granted to ' || case g.grantee when 0 then 'public' else g.grantee::regrole::text end,
           string_agg(
               lower(g.privilege_type) || case when g.is_grantable then ' with grant option' else '' end || ' by ' || g.grantor::regrole::text,
               ', ' order by g.privilege_type, g.grantor::regrole::text collate "C"
           )
    from acls a
    cross join lateral aclexplode(a.acl) as g
    group by a.object, g.grantee
),
comments (object, comment) as (
    select 'schema ' || quote_ident(nspname), obj_description(oid, 'pg_namespace') from wanted
    union all
    select kind || ' ' || name, obj_description(oid, 'pg_class') from relations where relkind <> 'c'
    union all
    select 'column ' || name, col_description(attrelid, attnum) from attributes
    union all
    select 'constraint ' || name, obj_description(oid, 'pg_constraint') from constraints
    union all
    select 'index ' || name, obj_description(indexrelid, 'pg_class') from indexes
    union all
    select 'trigger ' || name, obj_description(oid, 'pg_trigger') from triggers
    union all
    select 'policy ' || name, obj_description(oid, 'pg_policy') from policies
    union all
    select 'function ' || name, obj_description(oid, 'pg_proc') from functions
    union all
    select 'type ' || name, obj_description(oid, 'pg_type') from types
)
select object, property, value
from (
    select * from definitions
    union all
    select object, 'owner', owner::regrole::text from owners
    union all
    select * from grants
    union all
    select object, 'comment', comment from comments
) as everything
where value is not null
order by object collate "C", property collate "C", value collate "C";
