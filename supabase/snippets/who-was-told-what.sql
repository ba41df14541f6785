-- Which troubles were people told of, and did it arrive?
-- Next: an outcome other than delivered: its error says why; then select * from crm_sync.test_alert(); tries the channel.
-- What goes on still: select * from crm_sync.alerts where ended_at is null;
select written_at, outcome, error, text
from crm_sync.alert_messages
order by written_at desc
limit 20;
