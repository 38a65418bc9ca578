-- The lines of a quote are the tranches of the lease that it comes to: each is a line of its own, and numbered.
update quotes set tranches = (
    select jsonb_agg(line || jsonb_build_object('line', line -> 'id', 'number', place - 1) order by place)
    from jsonb_array_elements(tranches) with ordinality as lines (line, place)
)
where jsonb_array_length(tranches) > 0;
