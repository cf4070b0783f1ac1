-- Lock the balances of these fans, in the order that keeps two such steps from waiting for each other.
create or replace function lock_balances(p_fans bigint[]) returns void
language plpgsql volatile
as $$
begin
    perform from balance b where b.user_id = any (p_fans) order by b.user_id for no key update;
end
$$;
