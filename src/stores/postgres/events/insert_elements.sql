-- A group of elements is stored once per team, with its elements. The columns are narrower than what
-- a page may hold.
WITH
incoming AS (
  SELECT team_id, hash, elements
  FROM unnest($1::int[], $2::text[], $3::jsonb[]) AS new (team_id, hash, elements)
),
new_group AS (
  INSERT INTO posthog_elementgroup (hash, team_id)
  SELECT hash, team_id FROM incoming
  ON CONFLICT DO NOTHING
  RETURNING id, team_id, hash
)
INSERT INTO posthog_element (
  text, tag_name, href, attr_id, attr_class, nth_child, nth_of_type, attributes, "order", group_id
)
SELECT
  element.value->>'text',
  left(element.value->>'tag_name', 1000),
  element.value->>'href',
  left(element.value->>'attr_id', 10000),
  CASE WHEN element.value ? 'attr_class' THEN ARRAY(
    SELECT left(class.name, 200)
    FROM jsonb_array_elements_text(element.value->'attr_class') WITH ORDINALITY AS class (name, place)
    ORDER BY class.place
  ) END,
  (element.value->>'nth_child')::int,
  (element.value->>'nth_of_type')::int,
  element.value->'attributes',
  element.place - 1,
  new_group.id
FROM new_group
JOIN incoming USING (team_id, hash)
CROSS JOIN jsonb_array_elements(incoming.elements) WITH ORDINALITY AS element (value, place)
ORDER BY new_group.id, element.place
