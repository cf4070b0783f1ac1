-- Lock an account against whatever would refer to it for the first time: a token, a reservation, a payment waits with its
-- commit, since foreign keys are checked there. For steps that must count what a fan has; taken last, and held shortly.
create or replace function lock_user(p_user bigint) returns boolean
language plpgsql volatile
as $$
begin
    perform from users u where u.id = p_user and u.is_active for update;
    return found;
end
$$;
