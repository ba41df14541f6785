-- How does one row stand, in a few words for the office?
-- Fill in the table and the row's id. Next: "needs correction": correct the row, it is sent again by itself.
select crm_sync.row_status('public.leads', 'PUT-ROW-ID-HERE');
