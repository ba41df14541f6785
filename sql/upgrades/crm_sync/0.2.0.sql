-- The jobs are a table now, with what each does: _wanted_jobs().
drop function if exists crm_sync._jobs();

-- A person's rows are told apart from rows that told of them once: _people(). A missed change is found by its row's place.
drop function if exists crm_sync._person_rows(text, text), crm_sync._erase_missed(regclass, text);
