-- The trace of a row: what was changed, from what to what. Called by triggers of many tables
-- (concert_site/trace/triggers.py), which say in their arguments: 0 the table and 1 the key column under which it is
-- noted, 2 the columns that aren't noted, 3 those whose values are secret, 4 the column that names the fan, 5 the one
-- that names the schedule; and of a table that joins two: 6 the field it stands for, 7 the column of its value.

-- Who is at work, as the statement says in its first words (concert_site/trace/context.py); null if nobody says it.
-- What the statement is given as values comes later in its text, so that nothing typed by anybody passes for it.
create or replace function trace_context() returns jsonb language sql stable as $$
    select convert_from(
        decode(substring(current_query() from '^/\*(?:staff|other):([0-9a-f]+)\*/'), 'hex'), 'UTF8')::jsonb
$$;

create or replace function trace_note(
    p_action text, p_table text, p_objects bigint[], p_count bigint, p_fan bigint, p_schedule bigint, p_changes jsonb)
returns void language plpgsql as $$
declare
    context jsonb := trace_context();
begin
    insert into change (at, actor_id, via, request, action, table_name, objects_changed, count, fan_id, schedule_id,
                        changes)
    values (clock_timestamp(), (context ->> 'actor')::bigint, coalesce(context ->> 'via', ''),
            (context ->> 'request')::uuid, p_action, p_table, p_objects, p_count, p_fan, p_schedule, p_changes);
end
$$;

create or replace function trace_row() returns trigger language plpgsql as $$
declare
    before jsonb := coalesce(to_jsonb(old), '{}');
    after jsonb := coalesce(to_jsonb(new), '{}');
    the_row jsonb := case when tg_op = 'DELETE' then to_jsonb(old) else to_jsonb(new) end;
    ignored text[] := string_to_array(tg_argv[2], ',');
    secret text[] := string_to_array(tg_argv[3], ',');
    found jsonb;
begin
    if tg_nargs > 6 then
        -- A row that joins two is a value more or less of a field of the first.
        found := jsonb_build_object(tg_argv[6], jsonb_build_array(before -> tg_argv[7], after -> tg_argv[7]));
    else
        select jsonb_object_agg(key, case when key = any (secret) then '[null, null]'::jsonb
                                          else jsonb_build_array(b.value, a.value) end)
          into found
          from jsonb_each(before) b full join jsonb_each(after) a using (key)
         where b.value is distinct from a.value
           and key <> all (ignored)
           -- Of a new or a deleted row, what says something.
           and (tg_op = 'UPDATE' or coalesce(b.value, a.value) not in ('null', '""', '[]', '{}'));
    end if;
    if found is not null then
        perform trace_note(
            case when tg_nargs > 6 then 'CHANGE' when tg_op = 'INSERT' then 'ADD' when tg_op = 'UPDATE' then 'CHANGE'
                 else 'DELETE' end,
            tg_argv[0], array[(the_row ->> tg_argv[1])::bigint], 1,
            (the_row ->> nullif(tg_argv[4], ''))::bigint, (the_row ->> nullif(tg_argv[5], ''))::bigint, found);
    end if;
    return null;
end
$$;

-- The trace of a statement that changes many rows in few ways: a row for each way, with the ids of those it is of.
-- Arguments: 0 the table, 1 the key column, 2 the columns that are noted, 3 the column of the schedule, and, if some
-- states of a column are somebody else's to tell, 4 that column and 5 the states that are noted.
create or replace function trace_statement() returns trigger language plpgsql as $$
declare
    columns text[] := string_to_array(tg_argv[2], ',');
    own text;
    was text := '';
    now_ text := '';
    fields text := '';
    source text;
    ids text;
begin
    source := case tg_op when 'INSERT' then 'new_rows n' when 'DELETE' then 'old_rows o'
                         else format('old_rows o join new_rows n on n.%1$I = o.%1$I', tg_argv[1]) end;
    foreach own in array columns loop
        was := was || ', ' || case when tg_op = 'INSERT' then 'null'
                                   else trace_value('o', own, tg_op, tg_argv[4], tg_argv[5]) end;
        now_ := now_ || ', ' || case when tg_op = 'DELETE' then 'null'
                                     else trace_value('n', own, tg_op, tg_argv[4], tg_argv[5]) end;
    end loop;
    for i in 1 .. array_length(columns, 1) loop
        fields := fields || format(', (%L, f.was[%s], f.is[%s])', columns[i], i, i);
    end loop;
    -- Which rows they were is told of those that are still there and were there before.
    ids := case when tg_op = 'UPDATE' then format('array_agg(o.%1$I order by o.%1$I)', tg_argv[1]) else '''{}''::bigint[]' end;
    execute format(
        $q$
        select trace_note(%L, %L, f.ids, f.count, null, f.schedule,
                   (select jsonb_object_agg(k, jsonb_build_array(a, b)) from (values %s) as v (k, a, b)
                     where a is distinct from b))
          from (select %s as ids, count(*) as count, %s.%I as schedule,
                       array[%s]::jsonb[] as was, array[%s]::jsonb[] as is
                  from %s
                 group by %s.%I, array[%s]::jsonb[], array[%s]::jsonb[]) f
         where f.was is distinct from f.is
         order by f.schedule, f.count desc
        $q$,
        case tg_op when 'INSERT' then 'ADD' when 'DELETE' then 'DELETE' else 'CHANGE' end, tg_argv[0],
        substr(fields, 3), ids, case when tg_op = 'INSERT' then 'n' else 'o' end, tg_argv[3],
        substr(was, 3), substr(now_, 3), source,
        case when tg_op = 'INSERT' then 'n' else 'o' end, tg_argv[3], substr(was, 3), substr(now_, 3));
    return null;
end
$$;

-- How a column of a row is read: of an update null unless it changed, or if its state is somebody else's to tell. So
-- rows that changed alike are alike, whatever else is in them.
create or replace function trace_value(p_row text, p_column text, p_op text, p_stated text, p_states text)
returns text language sql immutable as $$
    select case when p_op <> 'UPDATE' then format('to_jsonb(%s.%I)', p_row, p_column)
                when p_column = p_stated
                then format('case when o.%1$I <> n.%1$I and o.%1$I = any (%2$L::text[]) and n.%1$I = any (%2$L::text[])'
                            ' then to_jsonb(%3$s.%1$I) end', p_column, string_to_array(p_states, ','), p_row)
                else format('case when o.%1$I is distinct from n.%1$I then to_jsonb(%2$s.%1$I) end', p_column, p_row) end
$$;
