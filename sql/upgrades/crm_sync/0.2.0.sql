-- The jobs are a table now, with what each does: _wanted_jobs().
drop function crm_sync._jobs();
