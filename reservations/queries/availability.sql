-- The live state of every seat of a schedule, one letter a seat in the order of ids, in one pass:
-- A to be had (a lapsed hold too), T held, R reserved, U not on sale.
-- t is a hold that lapses within the second for which this answer is kept; `lapses` says in how many
-- milliseconds each of them does, in their order, so that the answer can follow without being asked again.
select (select layout_version from concert_schedule where id = %(schedule_id)s::bigint) as layout_version,
       coalesce(string_agg(
           case status
               when 'AVAILABLE' then 'A'
               when 'RESERVED' then 'R'
               when 'UNAVAILABLE' then 'U'
               else case
                   when expired_at <= statement_timestamp() then 'A'
                   when expired_at <= statement_timestamp() + interval '1 second' then 't'
                   else 'T'
               end
           end, '' order by id), '') as seats,
       coalesce(array_agg(ceil(extract(epoch from expired_at - statement_timestamp()) * 1000)::int order by id)
           filter (where status = 'TEMPORARY'
                     and expired_at > statement_timestamp()
                     and expired_at <= statement_timestamp() + interval '1 second'), '{}') as lapses
  from concert_seat
 where concert_schedule_id = %(schedule_id)s::bigint
