-- A piece of the list of a draw: `number,entry` a line, each ended by a line feed.
select coalesce(string_agg(t.number || ',' || draw_entry(t.token) || E'\n', '' order by t.number), '') as lines,
       count(*) as count
  from waiting_token t
 where t.concert_schedule_id = %(schedule)s
   and t.number between %(first)s::bigint and %(last)s::bigint
   and t.created_at < %(opens_at)s::timestamptz
