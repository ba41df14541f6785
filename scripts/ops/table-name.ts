/**
 * SQL for the name under which the ledger knows a table, whatever the search path; the parameter is what was typed.
 * crm_sync._table_name() says the same to the owner; an operator's role may call nothing of the engine's own.
 */
export const tableName = (parameter: string) =>
  `(select format('%I.%I', nspname, relname)
    from pg_class join pg_namespace on pg_namespace.oid = relnamespace where pg_class.oid = ${parameter}::regclass)`;

/** SQL for a row's id as the ledger spells it, once for the statement; without a table it is what was typed. */
export const rowId = (table: string, id: string) =>
  `(select crm_sync._row_id(${tableName(table)}, ${id}))`;
