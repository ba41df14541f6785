-- A run of states is not led by its newest: each is sent.
update crm_sync.routes set kind = 'event';
