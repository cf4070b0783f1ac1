-- The live state of every seat of a schedule, one letter a seat in the order of ids, in one pass:
-- A to be had (a lapsed hold too), T held, R reserved, U not on sale.
-- t is a hold that lapses within a second, which is as long as this answer is kept at most; `lapses` says in how many
-- milliseconds each of them does, in their order, so that the answer can follow without being asked again.
-- `next_lapse` is when the first of the others does; both it and `read_at` are seconds since 1970.
select (select layout_version from concert_schedule where id = %(schedule_id)s::bigint) as layout_version,
       coalesce(string_agg(
           case
               when seat_is_free(status, expired_at, statement_timestamp()) then 'A'
               when status = 'RESERVED' then 'R'
               when status = 'UNAVAILABLE' then 'U'
               when seat_is_held(status, expired_at, statement_timestamp() + interval '1 second') then 'T'
               else 't'
           end, '' order by id), '') as seats,
       coalesce(array_agg(ceil(extract(epoch from expired_at - statement_timestamp()) * 1000)::int order by id)
           filter (where seat_is_held(status, expired_at, statement_timestamp())
                     and not seat_is_held(status, expired_at, statement_timestamp() + interval '1 second')),
           '{}') as lapses,
       extract(epoch from statement_timestamp())::float8 as read_at,
       extract(epoch from min(expired_at)
           filter (where seat_is_held(status, expired_at, statement_timestamp() + interval '1 second')))::float8
           as next_lapse,
       schedule_is_sold_out(%(schedule_id)s::bigint) as is_sold_out
  from concert_seat
 where concert_schedule_id = %(schedule_id)s::bigint
